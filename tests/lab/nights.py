# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner of the lab in a night with nobody looking on, and waiting for what it records. `conftest.py` gives the fixture `night` to all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pytest
import yaml
from tests.lab.vault import write_secret
from tests.lab.watching import await_alert, firing, incidents

from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving
from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.api import Lab

Found = TypeVar("Found")

WITHIN_SECONDS = 120


@dataclass(frozen=True)
class Night:
    """A runner of the lab with nobody looking on.

    Attributes:
        lab: The lab, watched by Prometheus.
        runner: The runner, to which Alertmanager sends.
        channel: Whom it tells.
        before: The incidents that were there already.
    """

    lab: Lab
    runner: Serving
    channel: Channel
    before: frozenset[Path]
    since: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def incident_on(self, host: str, trigger: str) -> Path:
        """The incident that a trigger has opened for a host; waits for it."""

        def opened() -> list[Path]:
            return [one for one in incidents(self.lab) - self.before if _is_about(one, host, trigger)]

        return until(opened, lambda: f"{trigger} was not opened for {host}; what fires: {firing()}")[0]

    def post(self, host: str, status: str) -> None:
        """Send what Alertmanager sends of a failed nginx."""
        labels = {"alertname": "ServiceFailed", "instance": host, "name": "nginx.service"}
        body = alertmanager.webhook(status, self.since)
        alerts = body["alerts"]
        assert isinstance(alerts, list)
        alerts[0] |= {"labels": labels, "fingerprint": f"{host}-nginx"}
        token = self.lab.place.secret("alertmanager").read_text(encoding="utf-8").strip()
        alertmanager.post(self.runner.url, token, {**body, "groupKey": f"{host}-nginx"})

    def verify(self) -> None:
        """The journal is sound."""
        verified = verify_journal(self.lab.place.controller / "journal", None, self.lab.environment, offline=False)
        assert verified.exit_code == 0, verified.text()


def _is_about(directory: Path, host: str, trigger: str) -> bool:
    opened = [event.body for event in Follower(directory).new_events() if event.kind == "incident.opened"]
    return any(body["trigger"] == trigger and body["hosts"] == [host] for body in opened)


def until(look: Callable[[], Found], missing: Callable[[], str]) -> Found:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, missing()
        time.sleep(0.1)
    return found


def await_event(incident: Path, kind: str, about: str = "") -> Event:
    """The first record of a kind of an incident, with this text in what it says."""

    def recorded() -> list[Event]:
        return [e for e in Follower(incident).new_events() if e.kind == kind and about in str(e.body)]

    return until(recorded, lambda: f"no {kind} in {[(e.kind, e.body) for e in Follower(incident).new_events()][-6:]}")[
        0
    ]


@pytest.fixture
def night(watched: Lab) -> Iterator[Night]:
    """A runner whose repairs of services have one attempt, and a time box that a test can wait for."""
    place = watched.place  # database and journal are the lab's: two journals can't have the same anchors in one Vault
    settings = yaml.safe_load(place.settings.read_text(encoding="utf-8"))
    policy = yaml.load((place.controller / "breakglass.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
    (trigger,) = (one for one in policy["triggers"] if one["name"] == "service-failed")
    trigger |= {"time_box": "60s", "limits": {**trigger["limits"], "attempts": "1"}}
    (place.controller / "night-policy.yml").write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    other = place.controller / "night-settings.yml"
    asked = {"prometheus": {"url": "http://127.0.0.1:9090"}}
    other.write_text(yaml.safe_dump({**settings, **asked, "policy": "night-policy.yml"}), encoding="utf-8")
    for alert in firing():
        await_alert(alert, fires=False)
    with Channel() as channel:
        write_secret(place.secret("on-call"), channel.url)
        with Serving(other, place.controller / "runner.log") as runner:
            yield Night(watched, runner, channel, frozenset(incidents(watched)))
