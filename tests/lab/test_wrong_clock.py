# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose clock is wrong: sshd judges our certificates by it. A little does not matter; an hour is said in words that lead to the clock."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest
from tests.lab import clock
from tests.lab.nights import await_event
from tests.lab.vault import admin
from tests.lab.watching import repaired_unattended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.nights import Night

    from breakglass.demo.serving import Serving

SAYS_WHY = {"clock-ahead": "Certificate invalid: expired", "clock-behind": "Certificate invalid: not yet valid"}
REFUSED = "web2 refused the login, Permission denied (publickey), with a certificate valid from"
CLOCK = "Look at its clock first: date -u there."
SSHD = "journalctl --unit ssh --since '-2 minutes' --no-pager"


@pytest.fixture
def web2(lab: Lab) -> Iterator[LabHost]:
    """A host whose clock is right again in the end."""
    host = lab.host("web2")
    yield host
    clock.set_right(host)


@pytest.mark.core
@pytest.mark.parametrize("fault", SAYS_WHY)
def test_a_host_whose_clock_is_wrong_is_told_to_people_as_that(night: Night, web2: LabHost, fault: str) -> None:
    """Its service fails; the certificate is refused, nothing stays open, and whoever is woken is led to the clock."""
    night.lab.break_(fault, "web2")
    night.lab.break_("service-failed", "web2")
    try:
        incident = night.incident_on("web2", "service-failed")
        ended = await_event(incident, "play.ended").body
        assert ended["outcome"] == "failed"
        assert str(ended["why"]).startswith(REFUSED)
        assert CLOCK in str(ended["why"])
        assert SAYS_WHY[fault] in web2.run(SSHD).stdout
        assert await_event(incident, "grant.revoked").body["proven"] is True
        accessor = await_event(incident, "grant.minted").body["accessor"]
        with pytest.raises(InvalidRequest, match="invalid accessor"):
            admin(night.lab.place).ask("auth/token/lookup-accessor", {"accessor": accessor})
        assert web2.run(["pgrep", "--uid", "breakglass"], check=False).stdout == ""
        await_event(incident, "escalation.delivered")
        (message,) = night.channel.messages
        assert message.text.count(str(ended["why"])) == 2  # why, and what was tried; cut off in neither
        assert "no grant is open: all were revoked, proven" in message.text
        assert str(ended["why"]) in shown(night, incident.name)
    finally:
        night.lab.mend("service-failed", "web2")
    assert await_event(incident, "incident.closed").body["result"] == "failed"
    night.verify()


def shown(night: Night, incident: str) -> str:
    command = [
        sys.executable,
        "-m",
        "breakglass.cli.main",
        "audit",
        "show",
        incident,
        "--settings",
        str(night.lab.place.settings),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_an_operator_is_led_to_the_clock_as_well(lab: Lab, web2: LabHost) -> None:
    """The terminal says it below Ansible's own words, and the journal keeps it with the result of the task."""
    lab.break_("clock-ahead", "web2")
    run = lab.run_role("restart_service", ["web2"], {"restart_service_name": "nginx"})
    assert run.recap("web2")["unreachable"] == 1
    assert f"\n{REFUSED}" in run.text
    advice = str(run.bodies("task.result")[-1]["advice"])
    assert advice.startswith(REFUSED)
    assert CLOCK in advice


@pytest.mark.parametrize("seconds", [120, -20])
def test_a_clock_that_is_a_little_wrong_does_not_matter(
    watched: Lab, runner: Serving, web2: LabHost, seconds: int
) -> None:
    """Two minutes ahead, or twenty seconds behind: its service is repaired, and nobody is told."""
    assert runner.pid
    clock.set_wrong(web2, seconds)
    repaired_unattended(watched, "service-failed", "web2", proof=lambda: web2.active("nginx") == "active")


@pytest.mark.parametrize(("seconds", "refused"), [(-20, False), (-45, True), (45, False), (75, True)])
def test_how_wrong_a_clock_may_be(lab: Lab, web2: LabHost, seconds: int, *, refused: bool) -> None:
    """Behind by the half minute before its signing from which a certificate is valid; ahead by what is left of its life, here a minute."""
    clock.set_wrong(web2, seconds)
    assert clock.refuses_fresh_certificate(web2, timedelta(minutes=1)) is refused


def test_what_comes_in_sees_the_wrong_clock_as_well(lab: Lab, web2: LabHost) -> None:
    """A command by ssh, as the user and as root, is as far ahead as sshd; what systemd runs is not."""
    clock.set_wrong(web2, 50)
    seen = clock.log_in(web2, "date +%s; sudo date +%s").stdout.split()
    right = int(web2.run("systemd-run --quiet --pipe date +%s").stdout)
    assert [round((int(moment) - right) / 50) for moment in seen] == [1, 1]
