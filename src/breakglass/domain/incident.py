# SPDX-License-Identifier: GPL-3.0-or-later
"""One response, from the first alert to closure: its states, its transition table and its document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from breakglass.domain.approvals import Vote
from breakglass.domain.course import Course
from breakglass.domain.own_alerts import about_of
from breakglass.domain.plan import Plan
from breakglass.domain.previews import Previewed


class State(StrEnum):
    """Where an incident stands."""

    RECEIVED = "received"
    WAITING = "waiting"
    APPROVING = "approving"
    OPENING = "opening"
    RUNNING = "running"
    CLOSING = "closing"
    VERIFYING = "verifying"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Result(StrEnum):
    """How an incident ended."""

    REPAIRED = "repaired"
    REHEARSED = "rehearsed"
    OBSERVED = "observed"
    RESOLVED_BY_ITSELF = "resolved-by-itself"
    RETURNED = "returned"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What the engine does for an incident outside of the database."""

    RESERVE = "reserve"
    ASK = "ask"
    OPEN_GRANT = "open-grant"
    RUN_PLAY = "run-play"
    CLOSE_GRANT = "close-grant"
    ESCALATE = "escalate"
    PROBE = "probe"


class PlayOutcome(StrEnum):
    """How a play ended; UNKNOWN means that nobody saw the end."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    STOPPED = "stopped"
    NOT_STARTED = "not-started"
    UNKNOWN = "unknown"


# Which state may follow which. The picture in the docs is drawn from this table.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.WAITING, State.VERIFYING, State.ESCALATED, State.CLOSED}),
    State.WAITING: frozenset({State.APPROVING, State.VERIFYING, State.ESCALATED, State.CLOSED}),
    State.APPROVING: frozenset({State.OPENING, State.WAITING, State.VERIFYING, State.ESCALATED, State.CLOSED}),
    State.OPENING: frozenset(
        {State.RUNNING, State.APPROVING, State.WAITING, State.VERIFYING, State.ESCALATED, State.CLOSED}
    ),
    State.RUNNING: frozenset({State.CLOSING}),
    State.CLOSING: frozenset({State.APPROVING, State.VERIFYING, State.WAITING, State.ESCALATED, State.CLOSED}),
    State.VERIFYING: frozenset({State.WAITING, State.ESCALATED, State.CLOSED}),
    State.ESCALATED: frozenset({State.WAITING, State.CLOSED}),
    State.CLOSED: frozenset(),
}


@dataclass(frozen=True)
class Fault:
    """One alert of the incident as last heard of; `says` is its own summary or description, text from outside."""

    fingerprint: str
    name: str
    firing: bool
    starts_at: datetime
    says: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try at the repair, or a preview of it.

    Attributes:
        number: 1 for the first.
        accessor: The grant's handle in Vault; empty until it was minted.
        expires_at: When the grant dies by itself.
        outcome: How the play ended; None while it has not.
        sentence: What it ended with, for people.
        proven_at: When the grant was proven gone; None until then.
        runner: Name of the runner that opened the grant; empty where there is only one.
        by_job: Whether the play is a job of AWX, which opens its grant itself.
        preview: Whether it only shows, before people are asked, what the repair would change.
        evidence: Where the remediation has kept how it was before it changed anything, for people; one for each host.
    """

    number: int
    accessor: str = ""
    expires_at: datetime | None = None
    outcome: PlayOutcome | None = None
    sentence: str = ""
    proven_at: datetime | None = None
    runner: str = ""
    by_job: bool = False
    preview: bool = False
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Escalation:
    """How far up the ladder this incident has gone.

    Attributes:
        reason: Why people are needed, a sentence.
        rung: Index of the current rung.
        rung_since: When the current rung was first tried.
        delivered: Rungs that somebody's channel accepted.
        failures: Tries of the current rung that failed in a row.
        try_at: When to try the current rung again; None for at once.
        acknowledged_by: Who has said that they know; then nobody further is called.
    """

    reason: str
    rung: int
    rung_since: datetime
    delivered: tuple[int, ...] = ()
    failures: int = 0
    try_at: datetime | None = None
    acknowledged_by: str = ""


@dataclass(frozen=True)
class Incident:
    """The document of an incident, as it is kept in the store.

    Attributes:
        id: `INC-` and four characters or more.
        course: What may be done, as the policy said when the incident opened.
        opened_at: By the store's clock, as are all other moments here but `Fault.starts_at`.
        since: When the present state was entered.
        state: See `State`.
        faults: The alerts that belong to it, by order of arrival.
        attempts: Tries at the repair, the last one being current.
        effect: What was begun and has not ended; set before the engine starts it.
        retries: How often the present effect was begun again.
        blocked: What the incident waits for; empty when it doesn't.
        wake_at: When to look again although nothing has happened.
        escalation: Set as soon as people are needed.
        result: Set once it is clear, at the latest on closing.
        proof: What Prometheus has said for it that the fault is gone; empty until then.
        votes: Who has said yes to the plan of the attempt that is waited for or under way.
        asked: How often people were asked for it.
        cancelled_by: Who has said that it shall stop; nothing new begins then, and what is open is closed.
        still_seen: What Prometheus has said against it that the fault is gone, although the alert resolved; a repair follows.
        aside_until: The end of the last maintenance window that it waited in; None when there was none.
        previewed: What the preview for the attempt that is waited for has shown; None while there is none.
    """

    id: str
    course: Course
    opened_at: datetime
    since: datetime
    state: State = State.RECEIVED
    faults: tuple[Fault, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    effect: Effect | None = None
    retries: int = 0
    blocked: str = ""
    wake_at: datetime | None = None
    escalation: Escalation | None = None
    result: Result | None = None
    proof: str = ""
    votes: tuple[Vote, ...] = ()
    asked: int = 0
    cancelled_by: str = ""
    aside_until: datetime | None = None
    still_seen: str = ""
    previewed: Previewed | None = None

    @property
    def stands_aside(self) -> bool:
        """Whether it waits for the end of a maintenance window; meanwhile its hosts are not its own."""
        return self.state is State.WAITING and self.aside_until is not None and self.wake_at == self.aside_until

    @property
    def resolved(self) -> bool:
        """Whether every alert of the incident has resolved."""
        return bool(self.faults) and not any(fault.firing for fault in self.faults)

    @property
    def over(self) -> bool:
        """Whether it seems that there is nothing to repair any more: all has resolved, and nobody has said otherwise."""
        return self.resolved and not self.still_seen

    @property
    def repairs(self) -> tuple[Attempt, ...]:
        """The tries at the repair, without previews."""
        return tuple(attempt for attempt in self.attempts if not attempt.preview)

    @property
    def has_repaired(self) -> bool:
        """Whether a repair of it has come to a good end."""
        return any(attempt.outcome is PlayOutcome.OK for attempt in self.repairs)

    @property
    def previews(self) -> bool:
        """Whether what it is at is a preview."""
        at_work = self.state in (State.OPENING, State.RUNNING, State.CLOSING)
        return at_work and bool(self.attempts) and self.attempt.preview

    @property
    def at_hand(self) -> Plan | None:
        """What the current attempt runs: the plan, or what shows it beforehand."""
        return self.course.preview if self.previews else self.course.plan

    @property
    def attempt(self) -> Attempt:
        """The current attempt; there is one from `opening` on."""
        return self.attempts[-1]

    @property
    def until(self) -> datetime | None:
        """When the grant of the current attempt dies by itself; None while there is none."""
        return self.attempts[-1].expires_at if self.attempts else None

    @property
    def what(self) -> str:
        """Which alerts it is about, and where, in words: texts from outside. Of one of our own, what has the trouble."""
        if self.course.own:
            about = [word for word in dict.fromkeys(about_of(fault.fingerprint) for fault in self.faults) if word]
            return f"{self.course.trigger} ({', '.join(about)})" if about else self.course.trigger
        names = ", ".join(dict.fromkeys(fault.name for fault in self.faults)) or self.course.trigger
        return f"{names} on {', '.join(self.course.hosts) or 'no host'}"

    @property
    def open_grant(self) -> bool:
        """Whether a grant was minted that is not yet proven gone."""
        return any(attempt.accessor and attempt.proven_at is None for attempt in self.attempts)
