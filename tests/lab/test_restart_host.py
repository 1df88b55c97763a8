# SPDX-License-Identifier: GPL-3.0-or-later
"""restart_host on real hosts: they reboot and come back, never two at once, and not at all when something stands in the way."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.lab import booting, playbooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

RESTART = "Restart the host"
DRAIN, RETURN = "Drain the host", "Return the host into service"
HOOKS: dict[str, object] = {
    "restart_host_drain_command": ["/bin/touch", "/var/lib/lab-drained and $HOME"],
    "restart_host_return_command": ["/bin/mv", "/var/lib/lab-drained and $HOME", "/var/lib/lab-returned"],
}
GIVEN: dict[str, object] = {"restart_host_units": ["nginx"], "restart_host_min_uptime": 1, "restart_host_timeout": 60}
BETWEEN_LOOKS_SECONDS = 0.02


class Watch:
    """Asks every host all the time whether it answers, as a load balancer would."""

    def __init__(self, hosts: list[LabHost]) -> None:
        self._addresses = [host.address for host in hosts]
        self.seen: list[tuple[bool, ...]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def end(self) -> set[tuple[bool, ...]]:
        """Stop asking; gives what was seen, one truth a host."""
        self._over.set()
        self._thread.join()
        return set(self.seen)

    def _look(self) -> None:
        while not self._over.wait(BETWEEN_LOOKS_SECONDS):
            self.seen.append(tuple(_answers(address) for address in self._addresses))


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 80), timeout=0.5):
            return True
    except OSError:
        return False


@pytest.fixture
def web1(lab: Lab) -> Iterator[LabHost]:
    """The host, up again whatever a test has done to it."""
    host = lab.host("web1")
    yield host
    if not host.runs:
        booting.shut_down(host.place, host.name)
        booting.boot(host.place, host.name)
    host.run(
        "systemctl unmask ssh nginx; systemctl enable --now ssh nginx; rm -f /var/lib/lab-*; systemctl stop lab-lock",
        check=False,
    )
    booting.await_boot(host)


def _restart(
    lab: Lab, given: Mapping[str, object] | None = None, *, hosts: tuple[str, ...] = ("web1",), check: bool = False
) -> RoleRun:
    return lab.run_role("restart_host", list(hosts), {**GIVEN, **(given or {})}, check=check)


def _boot(host: LabHost) -> str:
    return host.read("/proc/sys/kernel/random/boot_id")


@pytest.mark.core
def test_a_host_is_drained_restarted_and_returned(lab: Lab, web1: LabHost) -> None:
    """Check mode predicts it; the boot is another, the address is the same, and a second run leaves the host alone."""
    before = _boot(web1)
    lab.break_("service-failed", "web1")
    predicted = _restart(lab, HOOKS, check=True)
    assert (_boot(web1), web1.exists("/var/lib/lab-drained and $HOME")) == (before, False)
    restarted = _restart(lab, HOOKS)
    assert restarted.code == 0, restarted.text
    assert restarted.changed("web1") == predicted.changed("web1") == [DRAIN, RESTART, RETURN]
    assert _boot(web1) != before
    assert web1.exists("/var/lib/lab-returned")
    assert web1.run("stat -c %a /var/lib/breakglass/evidence/*-restart_host-*").stdout.split()[-1] == "600"
    lab.record_run(role="restart_host", fault="service-failed", run=restarted)
    now = _boot(web1)
    assert _restart(lab, {**HOOKS, "restart_host_min_uptime": 900}).changed("web1") == []
    assert _boot(web1) == now


def test_two_hosts_are_never_down_together(lab: Lab, web1: LabHost) -> None:
    """The wrapper restarts one after the other: both were down at some time, at no time both."""
    web2 = lab.host("web2")
    before = (_boot(web1), _boot(web2))
    asked = {**GIVEN, "remediate_access": "lab-operator", "remediate_reason": "a test in the lab"}
    playbook = ("breakglass.remediation.restart_host", "-i", str(lab.inventory))
    watch = Watch([web1, web2])
    watch.start()
    try:
        run = playbooks.play(lab.place, playbook, ["web1", "web2"], asked, timeout=200, environment={})
    finally:
        seen = watch.end()
    assert run.code == 0, run.text
    assert (run.changed("web1"), run.changed("web2")) == ([RESTART], [RESTART])
    assert all(old != new for old, new in zip(before, (_boot(web1), _boot(web2)), strict=True))
    assert {(True, False), (False, True)} <= seen
    assert (False, False) not in seen


def test_the_certificate_is_signed_anew_while_the_host_is_away(lab: Lab, web1: LabHost) -> None:
    """One that ends before the restart is over does not keep the run from coming back."""
    before = _boot(web1)
    slow = {"restart_host_drain_command": ["/bin/sleep", "25"], "remediate_certificate_ttl": "20s"}
    run = _restart(lab, slow)
    assert run.code == 0, run.text
    assert _boot(web1) != before


def test_two_hosts_in_one_batch_are_refused(lab: Lab, web1: LabHost) -> None:
    """A play that would take both at once restarts none, and says how it is done."""
    before = (_boot(web1), _boot(lab.host("web2")))
    run = _restart(lab, hosts=("web1", "web2"))
    assert run.sentence.startswith("2 hosts would be restarted at the same time")
    assert "remediate_serial=1" in run.sentence
    assert (_boot(web1), _boot(lab.host("web2"))) == before


def test_nothing_is_restarted_after_a_host_that_did_not_come_back(lab: Lab, web1: LabHost) -> None:
    """Its sshd does not start any more: one sentence says so, it stays drained, and the second host is left alone."""
    web1.run("systemctl disable ssh; systemctl mask ssh", check=False)
    second = _boot(lab.host("web2"))
    given = {**HOOKS, "restart_host_timeout": 15, "remediate_serial": 1}
    run = _restart(lab, given, hosts=("web1", "web2"))
    assert run.sentence.startswith("web1 did not come back within 15 s: ")
    assert run.sentence.endswith("; a restart can't be undone, and the host stays drained.")
    assert _boot(lab.host("web2")) == second
    assert not web1.exists("/var/lib/lab-returned")


def test_a_host_that_came_back_otherwise_is_a_failure(lab: Lab, web1: LabHost) -> None:
    """A unit that is not active, and one that failed and had not before; a second run does not try again."""
    web1.run("systemctl disable nginx")
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    web1.write("/etc/systemd/system/lab-fails.service", unit)
    web1.run("systemctl enable lab-fails")
    try:
        run = _restart(lab, {"restart_host_settle_timeout": 6})
        assert run.sentence == (
            "web1 came back, and after 6 s lab-fails.service had failed and nginx was not active; a restart can't be undone."
        )
        young = _restart(lab, {"restart_host_min_uptime": 900})
        assert "and nginx is not active: another restart would not help." in young.sentence
    finally:
        web1.run(
            "systemctl disable lab-fails; rm /etc/systemd/system/lab-fails.service; systemctl daemon-reload; systemctl reset-failed"
        )


def test_a_failure_from_before_is_no_obstacle(lab: Lab, web1: LabHost) -> None:
    """A host that was degraded may come back degraded by the same unit."""
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    web1.write("/etc/systemd/system/lab-fails.service", unit)
    web1.run("systemctl enable lab-fails; systemctl start lab-fails", check=False)
    try:
        run = _restart(lab)
        assert run.code == 0, run.text
        assert web1.active("lab-fails") == "failed"
    finally:
        web1.run(
            "systemctl disable lab-fails; rm /etc/systemd/system/lab-fails.service; systemctl daemon-reload; systemctl reset-failed"
        )


def test_what_stands_in_the_way_is_respected(lab: Lab, web1: LabHost) -> None:
    """A lock against shutdowns, a package at work, a planned shutdown, too short a time box, a drain that fails."""
    before = _boot(web1)
    web1.run(
        "systemd-run --quiet --unit=lab-lock systemd-inhibit --what=shutdown --who=backup --why=x --mode=block sleep 600"
    )
    _await_lock(web1)
    assert _restart(lab).sentence.startswith("backup asks that web1 is not restarted now: wait")
    web1.run("systemctl stop lab-lock")
    held = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)"
    web1.run(["systemd-run", "--quiet", "--unit=lab-lock", "python3", "-c", held])
    assert _restart(lab).sentence.startswith("dpkg (a package is being installed) asks")
    web1.run("systemctl stop lab-lock; shutdown -r +60")
    assert _restart(lab).sentence.startswith("somebody has planned a shutdown of web1 already")
    web1.run("shutdown -c")
    short = _restart(lab, {"restart_host_timeout": 600, "remediate_time_box": "6m"})
    assert "a restart may take 690 s: ask for a longer time box" in short.sentence
    failing = {
        **HOOKS,
        "restart_host_drain_command": ["/bin/false"],
        "restart_host_return_command": ["/bin/touch", "/var/lib/lab-returned"],
    }
    drain = _restart(lab, failing)
    assert drain.sentence == "web1 could not be drained, so it was not restarted; it is back in service."
    assert web1.exists("/var/lib/lab-returned")
    assert _boot(web1) == before


def test_a_lock_is_overridden_only_in_so_many_words(lab: Lab, web1: LabHost) -> None:
    """The host restarts although somebody blocks it, when the policy says so."""
    web1.run(
        "systemd-run --quiet --unit=lab-lock systemd-inhibit --what=shutdown --who=backup --why=x --mode=block sleep 600"
    )
    _await_lock(web1)
    before = _boot(web1)
    assert _restart(lab, {"restart_host_ignore_locks": True}).changed("web1") == [RESTART]
    assert _boot(web1) != before


def _await_lock(host: LabHost) -> None:
    deadline = time.monotonic() + 20
    while "backup" not in host.run("systemd-inhibit --list").stdout:
        assert time.monotonic() < deadline
