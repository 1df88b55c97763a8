# SPDX-License-Identifier: GPL-3.0-or-later
"""Lending a grant to who asked for it: the loan ends when it comes back or its box is over, and all sessions under it before that.

The runner uses it for them; one that is handed out is handed over once, and what is done under it is recorded in the
borrower's own journal. That the grant is gone is proven here like any other's.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from breakglass.domain.incident import PlayOutcome
from breakglass.domain.messages import Interrupted, NotStarted, PlayEnded
from breakglass.errors import BreakglassError
from breakglass.store.database import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.effects.handover import Handover

LOOK_EVERY_SECONDS = 0.5
UNFETCHED_SECONDS = 100.0
"""What the grant is wrapped in lives two minutes: who comes for it after that would find it dead."""
FIRST_WORD_IS_GOOD_SECONDS = 15.0
"""A lease is good for ten; who renews it says so long before."""


@dataclass(frozen=True)
class Loan:
    """A grant on its way to who asked for it.

    Attributes:
        token: The single-use wrapping token; never shown.
        accessor: The grant's handle.
        meta: What Vault keeps with the grant: incident, attempt, plan digest.
    """

    token: str = field(repr=False)
    accessor: str
    meta: dict[str, str]


class UseHere(Protocol):
    """What the runner itself does under a grant that it does not hand out: people's sessions on hosts."""

    def take(self, incident: Incident, loan: Loan) -> None:
        """Open the grant, in this process; what goes on under the one that it extends goes over to it. Raises BreakglassError."""
        ...

    def end(self, incident: str, why: str) -> str:
        """End all that goes on under it, and let go of it; what can't be proven ended, in words."""
        ...


@dataclass
class _Open:
    loan: Loan
    taken: bool = False
    back: threading.Event = field(default_factory=threading.Event)
    extended_by: str = ""
    cancelled: bool = False
    kept_until: float = field(default_factory=lambda: time.monotonic() + FIRST_WORD_IS_GOOD_SECONDS)


class Lend:
    """The effect `run-play` of a grant that is lent: it waits, and does nothing on any host."""

    def __init__(
        self,
        handover: Handover,
        given_back: Callable[[str], bool],
        use: UseHere,
        unfetched_seconds: float = UNFETCHED_SECONDS,
    ) -> None:
        """Take where grants are handed over, who knows whether an incident was given back, also before it began here, and who uses grants here.

        A grant that is handed out waits `unfetched_seconds` for who asked.
        """
        self._unfetched_seconds = unfetched_seconds
        self._handover = handover
        self._given_back = given_back
        self._use = use
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(self, incident: Incident) -> Outcome:
        """Keep the grant until it is fetched, and wait until it comes back."""
        plan, number = incident.course.plan, incident.attempt.number
        token = self._handover.take(incident.id, number)
        if plan is None or token is None:
            return NotStarted("nobody has the token of this grant: it was minted by a runner that has died")
        meta = {"incident": incident.id, "attempt": str(number), "plan_digest": plan.digest}
        loan = _Open(Loan(token, incident.attempt.accessor, meta))
        if not incident.course.hands_out:
            loan.taken = True
            try:
                self._use.take(incident, loan.loan)
            except BreakglassError as error:
                return NotStarted(f"the runner can't use the grant: {error}")
        with self._lock:
            self._open[incident.id] = loan
        self._end_extended(plan.extends, incident.id)
        ended = self._wait(incident.id, loan, time.monotonic() + plan.time_box_seconds)
        with self._lock:
            del self._open[incident.id]
        left = self._use.end(incident.id, ended.sentence)
        return PlayEnded(PlayOutcome.UNKNOWN, f"{ended.sentence}; {left}") if left else ended

    def recover(self, _incident: Incident) -> Outcome:
        """A loan of a dead runner: its grant died with the runner's session."""
        return Interrupted()

    def fetch(self, incident: str) -> Loan | None:
        """The loan, once; None while there is none, and for ever after."""
        with self._lock:
            found = self._open.get(incident)
            if found is None or found.taken:
                return None
            found.taken = True
            return found.loan

    def put_back(self, incident: str) -> None:
        """What was fetched did not leave the runner."""
        with self._lock:
            if found := self._open.get(incident):
                found.taken = False

    def give_back(self, incident: str) -> None:
        """The borrower is done."""
        with self._lock:
            if found := self._open.get(incident):
                found.back.set()

    def end(self, incident: str) -> None:
        """A person has cancelled it: the grant is closed under its borrower."""
        with self._lock:
            if found := self._open.get(incident):
                found.cancelled = True
                found.back.set()

    def end_all(self) -> None:
        """End every loan, and every one that begins, until `allow`."""
        self._stopping.set()

    def allow(self) -> None:
        """Grants may be lent again."""
        self._stopping.clear()

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These are this runner's until then. A loan of which nobody says so ends: another runner may close its grant."""
        with self._lock:
            for incident in incidents:
                if found := self._open.get(incident):
                    found.kept_until = until

    def _end_extended(self, incident: str, by: str) -> None:
        """Of a request and its extension only one is open: the new end counts, not the later one of two."""
        with self._lock:
            if found := self._open.get(incident):
                found.extended_by = by
                found.back.set()

    def _wait(self, incident: str, loan: _Open, deadline: float) -> PlayEnded:
        fetched_by = time.monotonic() + self._unfetched_seconds
        while not (self._is_back(incident) or loan.back.wait(LOOK_EVERY_SECONDS)):
            if not loan.taken and time.monotonic() > fetched_by:
                return PlayEnded(PlayOutcome.OK, "nobody fetched the grant while it could be opened")
            if self._stopping.is_set():
                return PlayEnded(PlayOutcome.STOPPED, "the loan was ended because the runner stopped")
            if time.monotonic() > loan.kept_until:
                return PlayEnded(PlayOutcome.STOPPED, "the loan was ended because another runner may have the incident")
            if time.monotonic() > deadline:
                return PlayEnded(PlayOutcome.OK, "the time box of the loan is over")
        if loan.cancelled:
            return PlayEnded(PlayOutcome.OK, "cancelled by a person")
        if loan.extended_by:
            return PlayEnded(PlayOutcome.OK, f"extended by {loan.extended_by}")
        return PlayEnded(PlayOutcome.OK, "given back" if loan.taken else "withdrawn before it was fetched")

    def _is_back(self, incident: str) -> bool:
        """Whether it was given back to a runner that did not lend it, or before it was lent; unknown while nobody can look."""
        try:
            return self._given_back(incident)
        except DatabaseUnavailable:
            return False
