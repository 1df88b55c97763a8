# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Prometheus and Alertmanager see the lab's faults, and one of them comes to the runner and is repaired, unattended."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab import cgroups
from tests.lab.services import SERVICES, start_services
from tests.lab.vault import write_secret

from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving
from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.api import Lab

PROMETHEUS = "http://127.0.0.1:9090/api/v1"
SEEN_WITHIN_SECONDS = 30
REPAIRED_WITHIN_SECONDS = 90
ALERTS = {
    ("service-stopped", "web2"): "ServiceDown",
    ("disk-full", "app1"): "DiskFull",
    ("expired-certificate", "web2"): "CertificateExpiry",
    ("database-connections", "db1"): "DatabaseConnections",
    ("host-down", "app1"): "HostDown",
    ("freeze", "app1"): "HostDown",
}


@pytest.fixture(scope="module")
def watched(lab: Lab) -> Lab:
    """The lab with everything that watches; what does not run yet is started, and has seen every host."""
    missing = [name for name in SERVICES if not cgroups.processes(lab.place.name, f"controller/{name}")]
    start_services(lab.place, {name: host.address for name, host in lab.hosts.items()}, missing)
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while len(asked("query?query=up%7Bjob%3D%22node%22%7D==1")["result"]) < len(lab.hosts):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return lab


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
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while (alert in firing()) is not fires:
        assert time.monotonic() < deadline, f"{alert}: {firing()}"
        time.sleep(0.2)


@pytest.fixture
def runner(watched: Lab) -> Iterator[Serving]:
    """A runner of the lab, to which Alertmanager sends, and which tells a channel."""
    with Channel() as channel:
        write_secret(watched.place.secret("on-call"), channel.url)
        with Serving(watched.place.settings, watched.place.controller / "runner.log") as serving:
            yield serving


def incidents(lab: Lab) -> set[Path]:
    """The directories of all incidents."""
    return set((lab.place.controller / "journal").glob("*/*/*/INC-*"))


def closed_incident(lab: Lab, before: set[Path]) -> list[Event]:
    """Everything that is recorded of the incident that was not there before; waits until it is closed."""
    deadline = time.monotonic() + REPAIRED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        for directory in incidents(lab) - before:
            events = Follower(directory).new_events()
            if any(event.kind == "incident.closed" for event in events):
                return events
        time.sleep(0.2)
    log = (lab.place.controller / "runner.log").read_text(encoding="utf-8", errors="replace")[-3000:]
    raise AssertionError(f"nothing was repaired: {log}")


@pytest.mark.parametrize(("fault", "host"), ALERTS)
def test_a_fault_is_an_alert(watched: Lab, fault: str, host: str) -> None:
    """It fires while the fault lasts, for that host, and no longer."""
    alert = (ALERTS[fault, host], host)
    await_alert(alert, fires=False)
    watched.break_(fault, host)
    try:
        await_alert(alert, fires=True)
    finally:
        watched.mend(fault, host)
    await_alert(alert, fires=False)


def test_a_failed_service_is_repaired_unattended(watched: Lab, runner: Serving) -> None:
    """Killed nginx, Prometheus, Alertmanager, runner, grant, certificate, repair, proof, resolved, closed; nobody is told."""
    assert runner.pid
    web1 = watched.host("web1")
    before = incidents(watched)
    watched.break_("service-failed", "web1")
    try:
        events = closed_incident(watched, before)
        assert web1.active("nginx") == "active"
    finally:
        watched.mend("service-failed", "web1")
    kinds = [event.kind for event in events]
    assert {"alert.firing", "grant.revoked", "alert.resolved", "verified"} <= set(kinds), kinds
    assert "escalation.begun" not in kinds
    assert next(event for event in events if event.kind == "incident.closed").body["result"] == "repaired"
    verified = verify_journal(watched.place.controller / "journal", None, watched.environment, offline=False)
    assert verified.exit_code == 0, verified.text()
