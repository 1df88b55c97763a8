# SPDX-License-Identifier: GPL-3.0-or-later
"""From a fault to its repair with nobody looking on: Prometheus, Alertmanager, a runner of the lab. For tests of every role.

`conftest.py` gives the fixtures `watched` and `runner` to all of them; `repaired_unattended` is the whole way.
"""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.lab import cgroups
from tests.lab.services import SERVICES, start_services
from tests.lab.vault import write_secret

from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving
from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.api import Lab

PROMETHEUS: Final = "http://127.0.0.1:9090/api/v1"
SEEN_WITHIN_SECONDS: Final = 30
REPAIRED_WITHIN_SECONDS: Final = 90
BETWEEN_LOOKS_SECONDS: Final = 0.2
ALWAYS_TOLD: Final = frozenset({"alert.firing", "grant.revoked", "alert.resolved", "verified"})


@pytest.fixture(scope="module")
def watched(lab: Lab) -> Lab:
    """The lab with everything that watches; what does not run yet is started, and has seen every host."""
    missing = [name for name in SERVICES if not cgroups.processes(lab.place.name, f"controller/{name}")]
    start_services(lab.place, {name: host.address for name, host in lab.hosts.items()}, missing)
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while len(asked("query?query=up%7Bjob%3D%22node%22%7D==1")["result"]) < len(lab.hosts):
        assert time.monotonic() < deadline
        time.sleep(BETWEEN_LOOKS_SECONDS)
    return lab


@pytest.fixture
def runner(watched: Lab) -> Iterator[Serving]:
    """A runner of the lab, to which Alertmanager sends, and which tells a channel."""
    with Channel() as channel:
        write_secret(watched.place.secret("on-call"), channel.url)
        with Serving(watched.place.settings, watched.place.controller / "runner.log") as serving:
            yield serving


def asked(what: str) -> dict[str, list[dict[str, Any]]]:
    """What Prometheus answers."""
    with urllib.request.urlopen(f"{PROMETHEUS}/{what}", timeout=5) as answer:
        return dict(json.load(answer)["data"])


def firing() -> set[tuple[str, str]]:
    """The alerts that fire, each with its host."""
    alerts = asked("alerts")["alerts"]
    return {
        (alert["labels"]["alertname"], alert["labels"]["instance"]) for alert in alerts if alert["state"] == "firing"
    }


def await_alert(alert: tuple[str, str], *, fires: bool) -> None:
    """Wait until an alert, given with its host, fires or no longer does."""
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while (alert in firing()) is not fires:
        assert time.monotonic() < deadline, f"{alert}: {firing()}"
        time.sleep(BETWEEN_LOOKS_SECONDS)


def incidents(lab: Lab) -> set[Path]:
    """The directories of all incidents."""
    return set((lab.place.controller / "journal").glob("*/*/*/INC-*"))


def closed_incident(lab: Lab, before: set[Path], *, within: float = REPAIRED_WITHIN_SECONDS) -> list[Event]:
    """Everything that is recorded of the incident that was not there before; waits until it is closed."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        for directory in incidents(lab) - before:
            events = Follower(directory).new_events()
            if any(event.kind == "incident.closed" for event in events):
                return events
        time.sleep(BETWEEN_LOOKS_SECONDS)
    log = (lab.place.controller / "runner.log").read_text(encoding="utf-8", errors="replace")[-3000:]
    raise AssertionError(f"nothing was repaired: {log}")


def repaired_unattended(
    lab: Lab,
    fault: str,
    host: str,
    *,
    proof: Callable[[], object],
    within: float = REPAIRED_WITHIN_SECONDS,
) -> list[Event]:
    """Break a host and wait: noticed, repaired, revoked, verified, closed, nobody told, the journal sound; take the fault back.

    Args:
        lab: The lab, watched, with a runner that the test has asked for as a fixture.
        fault: What happens to the host, of `faults.py`; a trigger of `site/breakglass.yml` answers its alert.
        host: Whom it happens to.
        proof: Asserts that the host is well again, or returns something false; asked before the fault is taken back.
        within: How many seconds the whole may take.

    Returns:
        All that is recorded of the incident.
    """
    before, broken_at = incidents(lab), datetime.now(tz=UTC)
    lab.break_(fault, host)
    try:
        events = closed_incident(lab, before, within=within)
        found = proof()
        assert found or found is None
    finally:
        lab.mend(fault, host)
    kinds = {event.kind for event in events}
    assert kinds >= ALWAYS_TOLD, kinds
    assert "escalation.begun" not in kinds
    assert next(event for event in events if event.kind == "incident.closed").body["result"] == "repaired"
    verified = verify_journal(lab.place.controller / "journal", None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()
    role = str(next(event for event in events if event.kind == "role.started").body["role"]).rpartition(".")[2]
    lab.record_run(role=role, fault=fault, run=events, broken_at=broken_at)
    return events
