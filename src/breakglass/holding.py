# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of people on the runner's machine: hold, lift, list, revoke. What each does, whoever pressed it and by which way.

What is done here stands in the database with its record for the journal, in one transaction; a runner writes the record when it
works, at the latest after its next start.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.holds import LONGEST_REASON, Hold, Scope
from breakglass.domain.incident import State
from breakglass.errors import BreakglassError
from breakglass.policy.scalars import did_you_mean
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.holds import Holds
from breakglass.store.incidents import Incidents
from breakglass.store.revocations import Revocations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from breakglass.domain.incident import Incident
    from breakglass.domain.people import Account
    from breakglass.store.database import Database

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.2


class UnusableHold(BreakglassError):
    """Raised when a hold can't be set or lifted, or a grant revoked, as it was asked for; nothing was changed."""


@dataclass(frozen=True)
class Target:
    """What a command is about: everything, or hosts, or triggers."""

    scope: Scope
    names: tuple[str, ...]

    @classmethod
    def of(cls, hosts: Sequence[str], triggers: Sequence[str], *, everything: bool) -> Target:
        """Exactly one of the three. Raises UnusableHold."""
        if sum((bool(hosts), bool(triggers), everything)) != 1:
            raise UnusableHold("Say what is meant: --host NAME, --trigger NAME, or --all; one of them.")
        if everything:
            return cls(Scope.ALL, ("",))
        names = tuple(dict.fromkeys(hosts or triggers))
        if not all(names):
            raise UnusableHold("A name is empty; that never means everything. For everything there is --all.")
        return cls(Scope.HOST if hosts else Scope.TRIGGER, names)


class GrantsEnd(NamedTuple):
    """How the grants of one incident end: a sentence for people, and whether nothing of it is open any more, provenly."""

    incident: str
    sentence: str
    over: bool


@dataclass(frozen=True)
class Holding:
    """The buttons of one installation.

    Attributes:
        database: Of its runners.
        known: The names that a scope may have, as the runner knows them; raises BreakglassError where nobody can say.
        hint: Told when there is something to end at once.
    """

    database: Database
    known: Callable[[Scope], frozenset[str]]
    hint: Callable[[], None] = lambda: None

    def set(self, target: Target, reason: str, person: str, account: Account | None = None) -> list[Hold]:
        """Hold it; in force on return. Raises UnusableHold, DatabaseUnavailable."""
        reason = reason_of(reason)
        self._check_names(target)
        return insist(lambda: Holds(self.database).set(target.scope, target.names, reason, person, account))

    def lift(self, target: Target, reason: str, person: str, account: Account | None = None) -> list[Hold]:
        """Lift every hold on it; returns what was lifted. Raises UnusableHold, DatabaseUnavailable."""
        reason = reason_of(reason)
        lifted = insist(lambda: Holds(self.database).lift(target.scope, target.names, reason, person, account))
        if not lifted:
            what = ", ".join(target.names) or "everything"
            raise UnusableHold(f"No hold is set on {what}; see: breakglass holds")
        self.hint()
        return lifted

    def standing(self) -> list[Hold]:
        """The holds that stand, oldest first. Raises DatabaseUnavailable."""
        return insist(Holds(self.database).standing)

    def revoke(self, incident: str, reason: str, person: str, account: Account | None = None) -> list[str]:
        """Have this incident's play and grant end; returns its id. Raises UnusableHold and what the store raises."""
        reason = reason_of(reason)
        known = insist(lambda: Revocations(self.database).revoke(incident, reason, person, account))
        self.hint()
        return [known.id]

    def revoke_all(self, reason: str, person: str, account: Account | None = None) -> list[str]:
        """Hold everything, and have every play and grant end; returns whose. Raises UnusableHold, DatabaseUnavailable."""
        reason = reason_of(reason)
        ending = insist(lambda: Revocations(self.database).revoke_all(reason, person, account))
        self.hint()
        return ending

    def grants(self, incidents: Sequence[str]) -> list[GrantsEnd]:
        """How the grants of these incidents end. Raises DatabaseUnavailable, UnreadableDocument."""
        store = Incidents(self.database)
        found = [insist(lambda one=one: store.show(one)) for one in incidents]  # type: ignore[misc]
        return [grants_end(one) for one in found if one is not None]

    def _check_names(self, target: Target) -> None:
        """A hold on a name that nobody knows would stop nothing. Where nobody can say, the button works all the same."""
        if target.scope is Scope.ALL:
            return
        try:
            known = self.known(target.scope)
        except BreakglassError:
            return
        for name in target.names:
            if name not in known:
                where = "inventory" if target.scope is Scope.HOST else "policy"
                raise UnusableHold(
                    f"{printable(name)} is not in the {where}, so this would stop nothing.{did_you_mean(name, known)} "
                    "Everything is stopped by --all."
                )


def grants_end(incident: Incident) -> GrantsEnd:
    """How the grants of an incident end; before one was minted there is nothing to prove."""
    minted = [attempt for attempt in incident.attempts if attempt.accessor]
    over = not incident.open_grant and incident.state not in (State.OPENING, State.RUNNING, State.CLOSING)
    if incident.open_grant and incident.blocked:
        until = f", and dies by itself at {minted[-1].expires_at:%H:%M:%S} UTC" if minted[-1].expires_at else ""
        sentence = f"closing: {incident.blocked}. It is tried for ever{until}"
    elif incident.open_grant or not over:
        sentence = "its play and its grant are being ended"
    elif minted and minted[-1].proven_at:
        sentence = f"grant gone, proven at {minted[-1].proven_at:%Y-%m-%d %H:%M:%S} UTC"
    else:
        sentence = "no grant was opened"
    return GrantsEnd(incident.id, printable(sentence), over)


def hold_line(hold: Hold) -> str:
    """One hold for people."""
    return printable(f"{hold.what}  held by {hold.by} since {hold.since:%Y-%m-%d %H:%M:%S} UTC: {hold.reason}")


def hold_object(hold: Hold) -> dict[str, str]:
    """One hold for programs."""
    return {
        "scope": hold.scope.value,
        "name": hold.name,
        "by": hold.by,
        "set_by": "incident" if hold.incident else "person",
        "since": hold.since.isoformat(),
        "reason": hold.reason,
        "lift": hold.lifted_by,
    }


def hold_shown(hold: Hold) -> dict[str, str]:
    """The same with its line for people."""
    return {**hold_object(hold), "line": hold_line(hold)}


def reason_of(text: str) -> str:
    """The reason as it is recorded. Raises UnusableHold."""
    reason = text.strip()
    if not reason:
        raise UnusableHold("This is done with a reason (--reason): a sentence that whoever meets it understands.")
    if len(reason) > LONGEST_REASON:
        raise UnusableHold(f"The reason has {len(reason)} characters; {LONGEST_REASON} are the most.")
    return reason


def insist(ask: Callable[[], Answer]) -> Answer:
    """Ask the database, and again while the runner has it locked: this is the button that must work."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except DatabaseUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)
