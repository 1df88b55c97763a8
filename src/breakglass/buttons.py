# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command reaches the buttons: through the runner's socket; where no runner answers, in its database, for who may write that.

The runner is asked first, since the kernel tells it who acts, and since it ends a play at once. It must not be needed: a
hold is set before a runner starts, and while one hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from breakglass.domain.holds import Scope
from breakglass.holding import Holding
from breakglass.inventory import read_inventory
from breakglass.local_socket.asking import AskRunner, NobodyListens
from breakglass.local_socket.place import Place
from breakglass.people import person_of
from breakglass.policy.load import load_policy
from breakglass.store.database import Database, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from breakglass.domain.holds import Hold
    from breakglass.holding import GrantsEnd, Target
    from breakglass.remediations import Remediations
    from breakglass.settings import Settings

Answer = TypeVar("Answer")


class Buttons(Protocol):
    """What people press; see `Holding` for what each does and raises."""

    def set(self, target: Target, reason: str) -> list[Hold]:
        """Hold."""
        ...

    def lift(self, target: Target, reason: str) -> list[Hold]:
        """Lift."""
        ...

    def standing(self) -> list[Hold]:
        """List."""
        ...

    def revoke(self, incident: str, reason: str) -> list[str]:
        """Revoke what one incident has open."""
        ...

    def revoke_all(self, reason: str) -> list[str]:
        """Hold everything, and revoke all that is open."""
        ...

    def grants(self, incidents: Sequence[str]) -> list[GrantsEnd]:
        """How that goes on."""
        ...


@dataclass(frozen=True)
class InDatabase:
    """The buttons without a runner.

    Attributes:
        holding: What each does.
        person: Who presses.
    """

    holding: Holding
    person: str

    def set(self, target: Target, reason: str) -> list[Hold]:
        """Hold."""
        return self.holding.set(target, reason, self.person)

    def lift(self, target: Target, reason: str) -> list[Hold]:
        """Lift."""
        return self.holding.lift(target, reason, self.person)

    def standing(self) -> list[Hold]:
        """List."""
        return self.holding.standing()

    def revoke(self, incident: str, reason: str) -> list[str]:
        """Revoke what one incident has open."""
        return self.holding.revoke(incident, reason, self.person)

    def revoke_all(self, reason: str) -> list[str]:
        """Hold everything, and revoke all that is open."""
        return self.holding.revoke_all(reason, self.person)

    def grants(self, incidents: Sequence[str]) -> list[GrantsEnd]:
        """How that goes on."""
        return self.holding.grants(incidents)


@dataclass(frozen=True)
class Reach:
    """The buttons of one installation, from the command line.

    Attributes:
        environment: Says who came by sudo.
        remediations: The remediations of an installation, when a name of its policy is to be looked up.
    """

    environment: Mapping[str, str]
    remediations: Callable[[Sequence[Path]], Remediations]

    def of(self, settings: Settings, press: Callable[[Buttons], Answer]) -> Answer:
        """Press it in the runner, or else in the database. Raises BreakglassError."""
        try:
            return self.at(settings.socket_path, press)
        except NobodyListens as nobody:
            try:
                database = Database.beside(*settings.database)
            except DatabaseUnavailable as error:
                raise DatabaseUnavailable(f"{nobody} {error}") from error
        try:
            holding = Holding(database, lambda scope: known_names(settings, scope, self.remediations))
            return press(InDatabase(holding, person_of(self.environment)))
        finally:
            database.close()

    def at(self, path: Path, press: Callable[[Buttons], Answer]) -> Answer:
        """Press it in the runner at this socket, and nowhere else. Raises BreakglassError."""
        return press(AskRunner(Place(path), self.environment.get("SUDO_USER", "")))


def known_names(
    settings: Settings, scope: Scope, remediations: Callable[[Sequence[Path]], Remediations]
) -> frozenset[str]:
    """The names that a scope has in the files of an installation; raises BreakglassError where they can't be read."""
    if scope is Scope.HOST:
        return frozenset(read_inventory(settings.inventory).hosts)
    policy = load_policy(settings.policy, channels=None, remediations=remediations(settings.collections), groups=None)
    return frozenset([trigger.name for trigger in policy.triggers] + [rule.name for rule in policy.requests])
