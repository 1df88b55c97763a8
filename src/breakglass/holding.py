# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting, lifting and listing holds on the runner's machine, whether a runner works there at the moment or not.

The database is the runner's own: who may write it may hold. What is done here stands in it with its record for the
journal, in one transaction; the runner writes the record when it works, at the latest after its next start.
"""

from __future__ import annotations

import os
import pwd
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.holds import LONGEST_REASON, Hold, Scope
from breakglass.errors import BreakglassError
from breakglass.inventory import read_inventory
from breakglass.policy.load import load_policy
from breakglass.policy.scalars import did_you_mean
from breakglass.store.database import Database, DatabaseUnavailable
from breakglass.store.holds import Holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from breakglass.remediations import Remediations
    from breakglass.settings import Settings

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.2


class UnusableHold(BreakglassError):
    """Raised when a hold can't be set or lifted as it was asked for; nothing was changed."""


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


@dataclass(frozen=True)
class Holding:
    """The holds of one installation.

    Attributes:
        settings: Of the installation.
        person: Who acts.
    """

    settings: Settings
    person: str

    def set(self, target: Target, reason: str, remediations: Remediations) -> list[Hold]:
        """Hold it; in force on return. Raises UnusableHold, DatabaseUnavailable."""
        reason = _reason(reason)
        self._check_names(target, remediations)
        with self._holds() as holds:
            return insist(lambda: holds.set(target.scope, target.names, reason, self.person))

    def lift(self, target: Target, reason: str) -> list[Hold]:
        """Lift every hold on it; returns what was lifted. Raises UnusableHold, DatabaseUnavailable."""
        reason = _reason(reason)
        with self._holds() as holds:
            lifted = insist(lambda: holds.lift(target.scope, target.names, reason, self.person))
        if not lifted:
            what = ", ".join(target.names) or "everything"
            raise UnusableHold(f"No hold is set on {what}; see: breakglass holds")
        return lifted

    def standing(self) -> list[Hold]:
        """The holds that stand, oldest first. Raises DatabaseUnavailable."""
        with self._holds() as holds:
            return insist(holds.standing)

    def _check_names(self, target: Target, remediations: Remediations) -> None:
        """A hold on a name that nobody knows would stop nothing. Where nobody can say, the button works all the same."""
        try:
            known = self._known(target.scope, remediations)
        except BreakglassError:
            return
        for name in target.names:
            if target.scope is not Scope.ALL and name not in known:
                where = "inventory" if target.scope is Scope.HOST else "policy"
                raise UnusableHold(
                    f"{name} is not in the {where}, so this would stop nothing.{did_you_mean(name, known)} Everything is "
                    "stopped by --all."
                )

    def _known(self, scope: Scope, remediations: Remediations) -> frozenset[str]:
        if scope is Scope.ALL:
            return frozenset()
        if scope is Scope.HOST:
            return frozenset(read_inventory(self.settings.inventory).hosts)
        policy = load_policy(self.settings.policy, channels=None, remediations=remediations, groups=None)
        return frozenset([trigger.name for trigger in policy.triggers] + [rule.name for rule in policy.requests])

    @contextmanager
    def _holds(self) -> Iterator[Holds]:
        database = Database.beside(*self.settings.database)
        try:
            yield Holds(database)
        finally:
            database.close()


def person_of(environment: Mapping[str, str]) -> str:
    """Who acts: the user of this process; behind sudo also who called it."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = f"uid {user}"
    caller = environment.get("SUDO_USER", "")
    return f"{printable(caller)[:64]} (as {name})" if user == 0 and caller else name


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


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        raise UnusableHold("A hold is set and lifted with a reason: a sentence that whoever meets it understands.")
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
