# SPDX-License-Identifier: GPL-3.0-or-later
"""What people say to incidents, with a real runner: cancelled in the middle of a play, acknowledged, tried again, closed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.timeline import Event

pytestmark = pytest.mark.slow


@pytest.fixture
def site() -> Iterator[Site]:
    """An installation whose service can't be repaired, and whose trigger tries once."""
    with Site() as site:
        site.change_policy(
            lambda trigger: trigger.update(limits={"attempts": "1", "firing_for": "0s", "cooldown": "0s"})
        )
        site.broken.touch()
        site.service.stop()
        yield site


def breakglass(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """The command on the runner's machine."""
    return subprocess.run(
        [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(site.place.settings)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def standing(site: Site, incident: str) -> dict[str, object]:
    """How it stands."""
    listed = json.loads(breakglass(site, "incidents", "--latest", "5", "--json").stdout)
    return next(one for one in listed if one["id"] == incident)


def bodies(events: list[Event], kind: str) -> list[dict[str, object]]:
    return [dict(event.body) for event in events if event.kind == kind]


def test_a_play_is_cancelled_in_the_middle(site: Site) -> None:
    """It ends, its grant is proven gone, nobody is called, and the host is free."""
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        site.wait_for(incident, "task.started")
        said = breakglass(site, "cancel", incident, "--reason", "that is the wrong host")
        assert said.returncode == 0, said.stderr
        site.wait_for(incident, "incident.closed")
        events = site.events(incident)
    (order,) = bodies(events, "order.given")
    assert (order["word"], order["why"]) == ("cancel", "that is the wrong host")
    assert bodies(events, "play.ended")[0]["outcome"] == "stopped"
    assert bodies(events, "grant.revoked")[0]["proven"] is True
    assert bodies(events, "incident.closed")[0]["result"] == "cancelled"
    assert not bodies(events, "escalation.begun")
    assert standing(site, incident)["cancelled_by"] == order["by"]


def test_an_escalated_incident_is_acknowledged_tried_again_and_closed(site: Site) -> None:
    """By the same commands, each recorded with who and why."""
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        site.wait_for(incident, "escalation.delivered")
        assert incident in breakglass(site, "incidents").stdout
        known = breakglass(site, "ack", incident)
        assert "acknowledged by" in known.stdout, known.stderr
        again = breakglass(site, "ack", incident)
        assert (again.returncode, "already" in again.stderr) == (1, True)
        tried = breakglass(site, "retry", incident, "--reason", "the disk was full")
        assert tried.returncode == 0, tried.stderr
        site.wait_for(incident, "escalation.delivered", count=2)
        wait_until(lambda: standing(site, incident)["state"] == "escalated", 20, "it is not escalated again")
        closed = breakglass(site, "close", incident, "--reason", "done by hand", "--verdict", "repaired")
        assert f"{incident}  closed, failed" in closed.stdout, closed.stderr
        site.wait_for(incident, "incident.closed")
        events = site.events(incident)
        assert breakglass(site, "incidents").stdout == "No incident is open.\n"
    assert [order["word"] for order in bodies(events, "order.given")] == ["acknowledge", "retry", "close"]
    assert bodies(events, "order.given")[-1]["verdict"] == "repaired"
    assert "ended by people            1" in breakglass(site, "report", "--since", "1d").stdout
    assert "they said repaired 1" in breakglass(site, "report", "--since", "1d").stdout
    assert len(bodies(events, "play.ended")) == 2
    late = breakglass(site, "retry", incident, "--reason", "x")
    assert (late.returncode, f"{incident} is closed already: failed" in late.stderr) == (1, True)


def test_an_order_waits_for_a_runner_that_is_down(site: Site) -> None:
    """It is said, and the runner takes it in when it comes back."""
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        site.wait_for(incident, "escalation.delivered")
    said = breakglass(site, "close", incident, "--reason", "done by hand")
    assert "no runner has taken it in yet" in said.stdout, said.stderr
    with site.runner():
        site.wait_for(incident, "incident.closed")


def test_what_can_not_be_meant(site: Site) -> None:
    """A reason that is missing, an incident that is not there."""
    with site.runner():
        pass
    missing = breakglass(site, "cancel", "INC-NONE00")
    assert (missing.returncode, "Cancel with a reason" in missing.stderr) == (1, True)
    nobody = breakglass(site, "cancel", "INC-NONE00", "--reason", "x")
    assert (nobody.returncode, "There is no incident INC-NONE00" in nobody.stderr) == (1, True)
