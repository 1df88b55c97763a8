# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner of the lab with triggers of a test's own, and alerts as something on a host might have Alertmanager send them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import yaml
from tests.lab.vault import write_secret
from tests.lab.watching import incidents

from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving
from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.lab.api import Lab

Found = TypeVar("Found")

WITHIN_SECONDS: Final = 90
COMMON: Final[Mapping[str, object]] = {
    "access": "lab-operator",
    "approval": "automatic",
    "limits": {"firing_for": "0s", "cooldown": "1s", "repairs_per_day": "100", "attempts": "1"},
    "verification": {"alert_resolves_within": "30s"},
    "escalation": "on-call",
    "mode": "act",
}


@dataclass(frozen=True)
class Watch:
    """A runner to which the lab's Alertmanager sends.

    Attributes:
        lab: The lab.
        runner: The runner.
        channel: Whom it tells.
        settings: Its settings.
        journal: What it writes.
        before: The incidents that were there already.
    """

    lab: Lab
    runner: Serving
    channel: Channel
    settings: Path
    journal: Path
    before: frozenset[Path]
    since: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def post(self, alert: str, status: str = "firing", *, host: str = "web1", **labels: str) -> str:
        """Send what something on the host might have Alertmanager send; the incident that it reaches."""
        body = alertmanager.webhook(status, self.since)
        alerts = body["alerts"]
        assert isinstance(alerts, list)
        alerts[0] |= {"labels": {"alertname": alert, "instance": host, **labels}, "fingerprint": f"{alert} {host}"}
        token = self.lab.place.secret("alertmanager").read_text(encoding="utf-8").strip()
        return alertmanager.post(self.runner.url, token, {**body, "groupKey": f"{alert} {host}"})

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

    def verify(self) -> None:
        """The journal is sound."""
        verified = verify_journal(self.journal, None, self.lab.environment, offline=False)
        assert verified.exit_code == 0, verified.text()


@contextmanager
def answering(
    lab: Lab, name: str, accesses: Sequence[str], triggers: Sequence[Mapping[str, object]]
) -> Iterator[Watch]:
    """The lab's runner with triggers of its own, each completed by COMMON, and only these accesses of the lab's policy.

    Database and journal are the lab's: two journals can't have the same anchors in one Vault.
    """
    place = lab.place
    settings = yaml.safe_load(place.settings.read_text(encoding="utf-8"))
    policy = yaml.load((place.controller / "breakglass.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
    del policy["drills"]  # of triggers that are left out
    policy["access"] = {access: policy["access"][access] for access in accesses}
    policy["triggers"] = [deepcopy({**COMMON, **trigger}) for trigger in triggers]  # YAML would write aliases
    (place.controller / f"{name}-policy.yml").write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    other = place.controller / f"{name}-settings.yml"
    other.write_text(yaml.safe_dump({**settings, "policy": f"{name}-policy.yml"}), encoding="utf-8")
    with Channel() as channel:
        write_secret(place.secret("on-call"), channel.url)
        with Serving(other, place.controller / "runner.log") as runner:
            yield Watch(lab, runner, channel, other, place.controller / "journal", frozenset(incidents(lab)))


def until(look: Callable[[], Found], missing: Callable[[], str]) -> Found:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, missing()
        time.sleep(0.2)
    return found
