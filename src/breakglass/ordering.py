# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents for people on the runner's machine: which there are, how they stand, and what a person says to one.

As with holds, the database is the runner's own: who may write it may say it. The runner takes an order in at its next look,
half a second later where it works; what it came to stands in the journal.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.incident import Incident, State
from breakglass.domain.orders import LONGEST_REASON, Ordered, Word
from breakglass.errors import BreakglassError
from breakglass.holding import insist
from breakglass.store.database import Database
from breakglass.store.incidents import Incidents
from breakglass.store.orders import Orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from breakglass.domain.closing import Closing
    from breakglass.settings import Settings

TAKEN_IN_WITHIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.2


class UnusableOrder(BreakglassError):
    """Raised when something can't be said as it was asked for; nothing was changed."""


@dataclass(frozen=True)
class Ordering:
    """The incidents of one installation.

    Attributes:
        settings: Of the installation.
        person: Who acts.
    """

    settings: Settings
    person: str

    def say(self, incident: str, word: Word, reason: str, verdict: Closing | None = None) -> str:
        """Say it, and wait a moment for what comes of it; returns a sentence. Raises BreakglassError."""
        text = reason_for(word, reason, verdict)
        with self._database() as database:
            orders = Orders(database)
            before = insist(lambda: orders.give(incident, Ordered(word, self.person, text, verdict=verdict)))
            return _standing_after(Incidents(database), before)

    def open(self) -> list[Incident]:
        """Every incident that is not closed, oldest first. Raises DatabaseUnavailable."""
        with self._database() as database:
            return insist(Orders(database).open_incidents)

    def latest(self, most: int) -> list[Incident]:
        """The newest incidents, newest first. Raises DatabaseUnavailable."""
        with self._database() as database:
            return insist(lambda: Orders(database).latest_incidents(most))

    def show(self, incident: str) -> Incident | None:
        """One incident, whatever its state; None when the database has none of this id. Raises DatabaseUnavailable."""
        with self._database() as database:
            return insist(lambda: Incidents(database).show(incident))

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database.beside(*self.settings.database)
        try:
            yield database
        finally:
            database.close()


def reason_for(word: Word, reason: str, verdict: Closing | None = None) -> str:
    """The reason as it is recorded; only an acknowledgement needs none, and only a closing has a verdict. Raises UnusableOrder."""
    text = reason.strip()
    if verdict and word is not Word.CLOSE:
        raise UnusableOrder(f"A verdict belongs to close; {word.value} takes none.")
    if not text and word is not Word.ACKNOWLEDGE:
        raise UnusableOrder(f"{word.value.capitalize()} with a reason (--reason): others will ask.")
    if len(text) > LONGEST_REASON:
        raise UnusableOrder(f"The reason has {len(text)} characters; {LONGEST_REASON} are the most.")
    return text


def _standing_after(incidents: Incidents, before: Incident) -> str:
    """What has become of the incident, as soon as its runner has heard."""
    until = time.monotonic() + TAKEN_IN_WITHIN_SECONDS
    while time.monotonic() < until:
        now = insist(lambda: incidents.show(before.id))
        if now is not None and now != before:
            return incident_line(now)
        time.sleep(LOOK_EVERY_SECONDS)
    return f"{before.id}: said, but no runner has taken it in yet; it does so when it works."


def incident_line(incident: Incident) -> str:
    """One incident for people: what it is about, how it stands, and why."""
    return printable(f"{incident.id}  {_standing(incident)}  {incident.what}  {_why(incident)}").rstrip()


def incident_object(incident: Incident) -> dict[str, object]:
    """One incident for programs."""
    escalation = incident.escalation
    return {
        "id": incident.id,
        "state": incident.state.value,
        "result": incident.result.value if incident.result else None,
        "trigger": incident.course.trigger,
        "owner": incident.course.owner,
        "hosts": list(incident.course.hosts),
        "alerts": [{"name": fault.name, "firing": fault.firing} for fault in incident.faults],
        "opened_at": incident.opened_at.isoformat(),
        "since": incident.since.isoformat(),
        "own": incident.course.own,
        "waits_for": (incident.blocked or None) if incident.state is not State.CLOSED else None,
        "attempts": len(incident.repairs),
        "grant_open": incident.open_grant,
        "escalated_because": escalation.reason if escalation else None,
        "acknowledged_by": (escalation.acknowledged_by or None) if escalation else None,
        "cancelled_by": incident.cancelled_by or None,
    }


def _standing(incident: Incident) -> str:
    if incident.state is State.CLOSED and incident.result:
        return f"closed, {incident.result.value}"
    since = _clock(incident.since)
    if incident.cancelled_by:
        return f"{incident.state.value} since {since}, cancelled by {incident.cancelled_by}"
    return f"{incident.state.value} since {since}"


def _why(incident: Incident) -> str:
    if incident.state is State.CLOSED:
        return ""
    if incident.escalation:
        heard = incident.escalation.acknowledged_by
        return f"{incident.escalation.reason}; {f'acknowledged by {heard}' if heard else 'not acknowledged'}"
    return f"waits: {incident.blocked}" if incident.blocked else ""


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
