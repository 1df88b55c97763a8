# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation through the runner, and what comes of it: real Prometheus and Alertmanager lose the host and say so."""

from __future__ import annotations

import time
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pytest
import yaml
from tests.lab.vault import write_secret
from tests.lab.watching import await_alert, firing, incidents

from breakglass.buttons import Reach
from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving
from breakglass.domain.holds import Scope
from breakglass.errors import BreakglassError
from breakglass.holding import Target
from breakglass.installed import installed_remediations
from breakglass.settings import load_settings
from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.api import Lab

Found = TypeVar("Found")

WITHIN_SECONDS = 90
HOST = "web1"
LOST = ("HostDown", HOST)
TABLE = "table inet breakglass_quarantine"
COMMON: dict[str, object] = {
    "access": "lab-operator",
    "approval": "automatic",
    "limits": {"firing_for": "0s", "cooldown": "1s", "repairs_per_day": "100", "attempts": "1"},
    "verification": {"alert_resolves_within": "30s"},
    "escalation": "on-call",
    "mode": "act",
}
TRIGGERS: tuple[dict[str, object], ...] = (
    {"name": "compromised", "match": {"alertname": "HostCompromised"}, "remediation": "isolate_host"},
    {"name": "clean", "match": {"alertname": "HostClean"}, "remediation": "rejoin_host"},
    {
        "name": "host-lost",  # somebody's answer to a host that is not seen any more: an isolated one is none of its business
        "match": {"alertname": "HostDown"},
        "remediation": "restart_service",
        "parameters": {"restart_service_name": "cron"},
    },
    {
        "name": "service-failed",
        "match": {"alertname": "ServiceFailed"},
        "remediation": "restart_service",
        "parameters": {"restart_service_name": "{{ alert.labels.name }}"},
    },
)


@dataclass(frozen=True)
class Watch:
    """A runner to which the lab's Alertmanager sends.

    Attributes:
        lab: The lab.
        runner: The runner.
        channel: Whom it tells.
        journal: What it writes.
        before: The incidents that were there already.
    """

    lab: Lab
    runner: Serving
    channel: Channel
    journal: Path
    before: frozenset[Path]
    since: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def post(self, alert: str, status: str = "firing") -> str:
        """Send what something on the host might have Alertmanager send; the incident that it reaches."""
        body = alertmanager.webhook(status, self.since)
        alerts = body["alerts"]
        assert isinstance(alerts, list)
        alerts[0] |= {"labels": {"alertname": alert, "instance": HOST}, "fingerprint": alert}
        token = self.lab.place.secret("alertmanager").read_text(encoding="utf-8").strip()
        return alertmanager.post(self.runner.url, token, {**body, "groupKey": alert})

    def events(self, incident: str) -> list[Event]:
        """The records of an incident."""
        directory = next(iter(self.journal.glob(f"*/*/*/{incident}")), None)
        return Follower(directory).new_events() if directory else []

    def kinds(self, incident: str) -> list[str]:
        """Their kinds."""
        return [event.kind for event in self.events(incident)]

    def incidents_of(self, trigger: str) -> list[str]:
        """The incidents of a trigger."""
        names = [path.name for path in incidents(self.lab) - self.before]
        opened = {name: [e for e in self.events(name) if e.kind == "incident.opened"] for name in names}
        return [name for name, events in opened.items() if events and events[0].body["trigger"] == trigger]

    def await_event(self, incident: str, kind: str) -> Event:
        """The first record of a kind."""
        found = until(
            lambda: [event for event in self.events(incident) if event.kind == kind],
            lambda: f"no {kind} in {[(event.kind, event.body) for event in self.events(incident)][-6:]}",
        )
        return found[0]


def until(look: Callable[[], Found], missing: Callable[[], str]) -> Found:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, missing()
        time.sleep(0.2)
    return found


@pytest.fixture
def watch(watched: Lab) -> Iterator[Watch]:
    """The lab's runner with another policy; no host stays isolated or held, whatever a test has found."""
    place = watched.place  # database and journal are the lab's: two journals can't have the same anchors in one Vault
    settings = yaml.safe_load(place.settings.read_text(encoding="utf-8"))
    policy = yaml.load((place.controller / "breakglass.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
    policy["access"] = {"lab-operator": policy["access"]["lab-operator"]}
    policy["triggers"] = [deepcopy({**COMMON, **trigger}) for trigger in TRIGGERS]  # YAML would write aliases
    (place.controller / "isolation-policy.yml").write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    other = place.controller / "isolation-settings.yml"
    other.write_text(yaml.safe_dump({**settings, "policy": "isolation-policy.yml"}), encoding="utf-8")
    with Channel() as channel:
        write_secret(place.secret("on-call"), channel.url)
        try:
            with Serving(other, place.controller / "runner.log") as runner:
                yield Watch(watched, runner, channel, place.controller / "journal", frozenset(incidents(watched)))
        finally:
            if TABLE in watched.host(HOST).run("nft list tables").stdout:
                watched.run_role("rejoin_host", [HOST])
            with suppress(BreakglassError):
                held = Target(Scope.HOST, (HOST,))
                Reach({}, installed_remediations).of(load_settings(other), lambda it: it.lift(held, "the test is over"))


def test_what_an_isolation_causes_starts_nothing(watch: Watch) -> None:
    """The isolated host is lost to Prometheus, whose alert waits behind the hold; rejoined, it is seen, and repairs go on."""
    web1 = watch.lab.host(HOST)
    await_alert(LOST, fires=False)
    isolation = watch.post("HostCompromised")
    assert watch.await_event(isolation, "hold.set").body["name"] == HOST
    watch.await_event(isolation, "escalation.delivered")
    assert TABLE in web1.run("nft list tables").stdout
    watch.post("HostCompromised", "resolved")
    assert watch.await_event(isolation, "incident.closed").body["result"] == "repaired"

    await_alert(LOST, fires=True)  # the node exporter can't be reached any more
    (lost,) = until(lambda: watch.incidents_of("host-lost"), lambda: f"HostDown came to nobody: {firing()}")
    held = f"{HOST} is held by {isolation} since"  # an alert that is quick waits for the claim of the isolation first
    until(
        lambda: any(
            held in str(event.body.get("why")) for event in watch.events(lost) if event.kind == "limits.waiting"
        ),
        lambda: f"it does not wait for the hold: {watch.kinds(lost)}",
    )
    held_for = time.monotonic() + 20
    while time.monotonic() < held_for:  # it looks again and again
        assert not {"grant.intent", "play.intent", "escalation.begun"} & set(watch.kinds(lost))
        time.sleep(1)
    assert len(watch.channel.messages) == 1, "people heard of the isolation, and of nothing that it causes"

    rejoining = watch.post("HostClean")
    lifted = watch.await_event(rejoining, "hold.lifted").body
    assert (lifted["name"], lifted["set_by"], lifted["by"]) == (HOST, isolation, rejoining)
    watch.post("HostClean", "resolved")
    watch.await_event(rejoining, "incident.closed")
    assert TABLE not in web1.run("nft list tables").stdout
    await_alert(LOST, fires=False)
    watch.await_event(lost, "incident.closed")
    watch.lab.record_run(role="isolate_host", fault="compromised host", run=watch.events(isolation))
    watch.lab.record_run(role="rejoin_host", fault="host found clean", run=watch.events(rejoining))

    watch.lab.break_("service-failed", HOST)
    try:
        (failed,) = until(lambda: watch.incidents_of("service-failed"), lambda: f"no alert came: {firing()}")
        assert watch.await_event(failed, "incident.closed").body["result"] == "repaired"
        assert web1.active("nginx") == "active"
    finally:
        watch.lab.mend("service-failed", HOST)
    assert len(watch.channel.messages) == 1
    verified = verify_journal(watch.journal, None, watch.lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()
