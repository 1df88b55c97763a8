# SPDX-License-Identifier: GPL-3.0-or-later
"""What no single remediation is about: two faults at once, a host that is taken, gone, stuck in the middle, or full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.lab.faults import FILL
from tests.lab.nights import await_event, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.nights import Night

SLOW = "/run/systemd/system/nginx.service.d/slow.conf"
MAIN = "/etc/nginx/nginx.conf"
KEEPER = "/srv/configurations"
GIT = f"git -c user.name=lab -c user.email=lab@example.com -C {KEEPER}"
EVIDENCE = "/var/lib/breakglass/evidence"
LISTING = f"sha256sum {MAIN}; ls -laR --time-style=full-iso /etc/nginx | grep -v ' \\.\\{{1,2\\}}$'"
NGINX: dict[str, object] = {
    "restore_config_paths": ["/etc/nginx"],
    "restore_config_validator": "nginx",
    "restore_config_unit": "nginx",
    "restore_config_repository": KEEPER,
    "restore_config_revision": "known-good",
}


@pytest.fixture
def slow(lab: Lab) -> Iterator[LabHost]:
    """A host whose nginx takes eight seconds to start, so that something can happen meanwhile."""
    web1 = lab.host("web1")
    web1.write(SLOW, "[Service]\nExecStartPre=/bin/sleep 8\n")
    web1.run("systemctl daemon-reload")
    yield web1
    web1.run(f"rm -f {SLOW}; systemctl daemon-reload; systemctl reset-failed nginx; systemctl start nginx")


@pytest.mark.core
def test_two_faults_on_two_hosts_are_repaired_at_the_same_time(night: Night, slow: LabHost) -> None:
    """A full disk does not wait for the repair of a service elsewhere; each has a grant of its own; nobody is told."""
    web2 = night.lab.host("web2")
    night.lab.break_("service-failed", "web1")
    night.lab.break_("disk-full", "web2")
    try:
        service, disk = night.incident_on("web1", "service-failed"), night.incident_on("web2", "disk-full")
        closed = [await_event(one, "incident.closed").body["result"] for one in (service, disk)]
        assert closed == ["repaired", "repaired"]
        assert (slow.active("nginx"), web2.exists(FILL)) == ("active", False)
        assert await_event(service, "verified").body["by"] == "alert resolved, up for instance=web1, job=node is 1"
        assert await_event(service, "run.started").at < await_event(disk, "run.ended").at
        assert await_event(disk, "run.started").at < await_event(service, "run.ended").at
        minted = {str(await_event(one, "grant.minted").body["accessor"]) for one in (service, disk)}
        assert len(minted) == 2
        assert night.channel.messages == ()
    finally:
        night.lab.mend("disk-full", "web2")
    night.verify()


def test_a_fault_on_a_host_that_is_under_repair_waits_for_its_turn(night: Night, slow: LabHost) -> None:
    """The disk of a host whose service is being restarted is cleared after that, and its incident says whom it waits for."""
    night.lab.break_("service-failed", "web1")
    service = night.incident_on("web1", "service-failed")
    await_event(service, "run.started")
    night.lab.break_("disk-full", "web1")
    try:
        disk = night.incident_on("web1", "disk-full")
        await_event(disk, "limits.waiting", f"web1 is under repair ({service.name})")
        for incident in (service, disk):
            assert await_event(incident, "incident.closed").body["result"] == "repaired"
        assert await_event(service, "grant.revoked").at < await_event(disk, "grant.intent").at
        assert (slow.active("nginx"), slow.exists(FILL)) == ("active", False)
        assert night.channel.messages == ()
    finally:
        night.lab.mend("disk-full", "web1")
    night.verify()


@pytest.mark.core
def test_a_host_that_is_down_is_told_to_people_and_nothing_stays_open(night: Night) -> None:
    """Its alert is still under way when its plug is pulled: the play reaches nobody, and the grant is proven gone."""
    night.lab.break_("host-down", "web2")
    try:
        night.post("web2", "firing")
        incident = night.incident_on("web2", "service-failed")
        ended = await_event(incident, "play.ended").body
        assert (ended["outcome"], "connect to host" in str(ended["why"])) == ("failed", True), ended
        assert await_event(incident, "grant.revoked").body["proven"] is True
        await_event(incident, "escalation.delivered")
        (message,) = night.channel.messages
        assert "web2" in message.title + message.text
    finally:
        night.lab.mend("host-down", "web2")
    night.post("web2", "resolved")
    assert await_event(incident, "incident.closed").body["result"] == "failed"
    night.verify()


def test_a_host_that_hangs_in_the_middle_costs_its_time_box_and_no_more(night: Night, slow: LabHost) -> None:
    """Its processes stand still while its service restarts: the play is ended, the grant proven gone, and people are told."""
    night.lab.break_("service-failed", "web1")
    incident = night.incident_on("web1", "service-failed")
    began = await_event(incident, "run.started")
    until(lambda: slow.active("nginx") == "activating", lambda: "nginx is not being restarted")
    night.lab.break_("freeze", "web1")
    try:
        ended = await_event(incident, "play.ended")
        assert ended.body["outcome"] == "timed-out", ended.body
        assert (ended.at - began.at).total_seconds() < 75
        revoked = await_event(incident, "grant.revoked")
        assert revoked.body["proven"] is True
        assert (revoked.at - ended.at).total_seconds() < 10
        await_event(incident, "escalation.delivered")
        (message,) = night.channel.messages
        assert "time box" in message.title + message.text
    finally:
        night.lab.mend("freeze", "web1")
    # systemd had the order already and goes on with it: that is why the outcome of the task counts as unknown
    until(lambda: slow.active("nginx") == "active", lambda: "nginx was not started")
    assert await_event(incident, "incident.closed").body["result"] == "failed"
    night.verify()


@pytest.fixture
def broken(lab: Lab) -> Iterator[LabHost]:
    """A host with a bad configuration, whose good one in git has 8 MiB, and no free block on its disk."""
    web1 = lab.host("web1")
    web1.run(
        f"rm -rf {KEEPER} {EVIDENCE}; mkdir -p {KEEPER}/etc; cp -a /etc/nginx {KEEPER}/etc; git init -q {KEEPER}; "
        f"yes '# large' | head -n 1048576 >> {KEEPER}{MAIN}; {GIT} add .; {GIT} commit -qm good; {GIT} tag known-good"
    )
    lab.break_("bad-nginx-config", "web1")
    web1.run("systemctl stop nginx; systemctl start nginx", check=False)
    lab.break_("disk-full", "web1")
    yield web1
    lab.mend("disk-full", "web1")
    lab.mend("bad-nginx-config", "web1")
    web1.run(f"rm -rf {KEEPER} /etc/nginx/.nginx.conf.refused-*")


@pytest.mark.parametrize(("free_bytes", "evidence"), [(0, 0), (4_000_000, 1)])
def test_a_repair_that_runs_out_of_room_leaves_everything_as_it_was(
    lab: Lab, broken: LabHost, free_bytes: int, evidence: int
) -> None:
    """Before its evidence or half way through the good file: the bad one is untouched, nothing is beside it, why is said; with room it works."""
    broken.run(f"truncate --size=-{free_bytes} {FILL}")
    found = broken.run(LISTING).stdout
    failed = lab.run_role("restore_config", ["web1"], NGINX)
    assert failed.code != 0
    assert "No space left on device" in failed.sentence
    assert failed.changed("web1") == []
    assert broken.run(LISTING).stdout == found
    assert len(broken.run(f"ls {EVIDENCE}", check=False).stdout.split()) == evidence
    room = lab.run_role("reclaim_disk", ["web1"], {"reclaim_disk_path": "/", "reclaim_disk_ceiling": 100})
    assert room.code == 0, room.text
    repaired = lab.run_role("restore_config", ["web1"], NGINX)
    assert (repaired.code, broken.active("nginx")) == (0, "active"), repaired.text
