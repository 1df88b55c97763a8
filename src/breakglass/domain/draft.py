# SPDX-License-Identifier: GPL-3.0-or-later
"""The working copy of an incident while one decision is being made, and what is to be journalled of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from breakglass.domain.incident import TRANSITIONS, Attempt, Effect, Escalation, Incident, Result, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from breakglass.domain.holds import HoldChange


OF_AN_ATTEMPT = ("grant.", "play.", "effect.")


class ForbiddenTransition(Exception):
    """Raised when the code asks for a change of state that the table does not have: a fault of ours."""


@dataclass(frozen=True)
class Note:
    """One record to be journalled: its kind and what it says."""

    kind: str
    body: Mapping[str, object]


@dataclass(frozen=True)
class Decision:
    """What one decision came to.

    Attributes:
        incident: The document to commit; `incident.effect` is what the engine does next, if anything.
        notes: What to journal, in order, before the effect starts.
        look_again_at: When to decide again even if nothing happens; None when there is an effect or it is over.
        hold: What becomes of the holds on the incident's hosts, if anything.
    """

    incident: Incident
    notes: tuple[Note, ...]
    look_again_at: datetime | None
    hold: HoldChange | None = None


@dataclass
class Draft:
    """An incident being changed by one decision at the moment `now`."""

    incident: Incident
    now: datetime
    notes: list[Note] = field(default_factory=list)
    hold: HoldChange | None = None

    @property
    def pausing(self) -> bool:
        """Whether it is not yet time to look again."""
        return self.incident.wake_at is not None and self.incident.wake_at > self.now

    def note(self, kind: str, body: Mapping[str, object] | None = None) -> None:
        """Have something journalled; what belongs to a preview says so."""
        marked = {"preview": True} if kind.startswith(OF_AN_ATTEMPT) and self.incident.previews else {}
        self.notes.append(Note(kind, {**(body or {}), **marked}))

    def move(self, state: State) -> None:
        """Enter another state; the clock and the count of retries start anew."""
        if state not in TRANSITIONS[self.incident.state]:
            raise ForbiddenTransition(f"{self.incident.id}: {self.incident.state} -> {state}")
        self.incident = replace(self.incident, state=state, since=self.now, retries=0, blocked="", wake_at=None)

    def begin(self, effect: Effect) -> None:
        """Ask for an effect; the engine starts it once this decision is durable."""
        self.incident = replace(self.incident, effect=effect, wake_at=None)

    def end_effect(self) -> None:
        """The effect has an outcome."""
        self.incident = replace(self.incident, effect=None)

    def retry_in(self, pause: timedelta) -> None:
        """Look again after a pause, counting the try."""
        self.incident = replace(self.incident, retries=self.incident.retries + 1, wake_at=self.now + pause)

    def wake(self, moment: datetime) -> None:
        """Look again at a moment, or earlier if something happens."""
        self.incident = replace(self.incident, wake_at=moment)

    def block(self, why: str) -> None:
        """Say what the incident waits for; journalled only when it changes."""
        if why != self.incident.blocked:
            self.note("limits.waiting", {"why": why})
        self.incident = replace(self.incident, blocked=why)

    def new_attempt(self, *, preview: bool = False) -> None:
        """Count one more try at the repair, or a preview of it: each has a number of its own."""
        attempt = Attempt(number=len(self.incident.attempts) + 1, preview=preview)
        self.incident = replace(self.incident, attempts=(*self.incident.attempts, attempt))

    def change_attempt(self, attempt: Attempt) -> None:
        """Replace the current attempt."""
        self.incident = replace(self.incident, attempts=(*self.incident.attempts[:-1], attempt))

    def conclude(self, result: Result) -> None:
        """Fix the result, and close."""
        self.incident = replace(self.incident, result=result)
        self.move(State.CLOSED)
        self.note("incident.closed", {"result": result.value, "seconds": self._age_seconds()})

    def call_people(self, result: Result | None, reason: str) -> None:
        """Start the ladder; with a result the automation is over and the incident is escalated."""
        if self.incident.escalation is None or result is not None:
            started = Escalation(reason=reason, rung=0, rung_since=self.now)
            self.incident = replace(self.incident, escalation=started)
        self.note("escalation.begun", {"why": reason, "ladder": self.incident.course.ladder.name})
        if result is not None:
            self.incident = replace(self.incident, result=result)
            self.move(State.ESCALATED)

    def call_people_again(self, reason: str) -> None:
        """Start the ladder anew: something has come since that those who were told do not know."""
        started = Escalation(reason=reason, rung=0, rung_since=self.now)
        self.incident = replace(self.incident, escalation=started, wake_at=None)
        self.note("escalation.begun", {"why": reason, "ladder": self.incident.course.ladder.name})

    def _age_seconds(self) -> float:
        return round((self.now - self.incident.opened_at).total_seconds(), 3)
