# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators, auditors and those whom an incident concerns see of incidents and do about them, over the API.

Each call has the person as Vault sees them in it, and is judged by the policy in force then (domain/permissions.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.orders import Ordered
from breakglass.domain.people import Account
from breakglass.domain.permissions import may_see, no_button, no_overview, no_recording, no_word, reads_everything
from breakglass.errors import BreakglassError
from breakglass.holding import insist
from breakglass.open_grants import has_grant
from breakglass.store.listing import OPEN, Listing
from breakglass.store.orders import NoSuchIncident

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from breakglass.domain.closing import Closing
    from breakglass.domain.holds import Hold
    from breakglass.domain.incident import Incident, State
    from breakglass.domain.orders import Word
    from breakglass.domain.people import People
    from breakglass.domain.requests import Person
    from breakglass.holding import Holding, Target
    from breakglass.store.listing import Position
    from breakglass.store.orders import Orders

LOOKED_AT = 1000
"""Incidents that one call reads for somebody who may see few of them; the next page goes on after those."""
AT_ONCE = 200


class NotPermitted(BreakglassError):
    """Raised when a person sees something and may not do this about it; the sentence says who may."""


@dataclass(frozen=True)
class Operating:
    """The incidents, grants and holds of one installation, for people.

    Attributes:
        people: The roles of the policy in force.
        groups: Every group whose members act by it.
        orders: Where orders are put.
        holding: The buttons.
    """

    people: Callable[[], People]
    groups: Callable[[], Collection[str]]
    orders: Orders
    holding: Holding

    def listed(
        self, person: Person, most: int, states: Collection[State] = OPEN, after: Position | None = None
    ) -> tuple[list[Incident], Position | None]:
        """What this person may see, newest first, and where the next page begins; None when there is none."""
        listing, people, groups = Listing(self.orders.database), self.people(), self.groups()
        shown: list[Incident] = []
        at_once = most if reads_everything(person, people) else AT_ONCE
        for _ in range(max(LOOKED_AT // at_once, 1)):
            found = listing.newest(at_once, states, after)
            for position, incident in found:
                if may_see(person, people, groups, incident):
                    shown.append(incident)
                after = position
                if len(shown) == most:
                    return shown, after
            if len(found) < at_once:
                return shown, None
        return shown, after

    def incident(self, person: Person, incident: str) -> Incident:
        """One that this person may see. Raises NoSuchIncident for any other, whether there is one or not."""
        found = self.orders.show(incident)
        if found is None or not may_see(person, self.people(), self.groups(), found):
            raise NoSuchIncident(f"There is no incident {incident[:80]} that you may see.")
        return found

    def recorded(self, person: Person, incident: str) -> Incident:
        """One whose sessions this person may look at again. Raises NoSuchIncident as `incident`, and NotPermitted."""
        found = self.incident(person, incident)
        _insist_on(no_recording(person, self.people(), found))
        return found

    def say(self, person: Person, incident: str, word: Word, reason: str, verdict: Closing | None = None) -> Incident:
        """Say a word to an incident; durable on return. Gives the incident as it was.

        Raises:
            NoSuchIncident: There is none that this person may see.
            NotPermitted: They may not say that.
            RefusedOrder: It can't be said to the incident as it is now.
        """
        before = self.incident(person, incident)
        _insist_on(no_word(person, self.people(), self.groups(), before, word))
        ordered = Ordered(word, person.called, reason, account=_account(person), verdict=verdict)
        said = insist(lambda: self.orders.give(incident, ordered))
        self.holding.hint()
        return said

    def revoke(self, person: Person, incident: str, reason: str) -> list[str]:
        """End an incident's play and grant. Raises as `say`."""
        self.incident(person, incident)
        _insist_on(no_button(person, self.people()))
        return self.holding.revoke(incident, reason, person.called, _account(person))

    def revoke_all(self, person: Person, reason: str) -> list[str]:
        """Hold everything, and end every play and grant. Raises NotPermitted."""
        _insist_on(no_button(person, self.people()))
        return self.holding.revoke_all(reason, person.called, _account(person))

    def grants(self, person: Person, incidents: Sequence[str] = ()) -> list[Incident]:
        """Incidents whose grants are open, or are about to be, or are being closed; or these, however they stand."""
        if incidents:
            found = [one for one in map(self.orders.show, incidents) if one is not None]
        else:
            found = [one for one in self.orders.open_incidents() if has_grant(one)]
        people, groups = self.people(), self.groups()
        return [one for one in found if may_see(person, people, groups, one)]

    def holds(self, person: Person) -> list[Hold]:
        """The holds that stand. Raises NotPermitted."""
        _insist_on(no_overview(person, self.people()))
        return self.holding.standing()

    def hold(self, person: Person, target: Target, reason: str) -> list[Hold]:
        """Hold; in force on return. Raises NotPermitted, UnusableHold."""
        _insist_on(no_button(person, self.people()))
        return self.holding.set(target, reason, person.called, _account(person))

    def lift(self, person: Person, target: Target, reason: str) -> list[Hold]:
        """Lift every hold on it. Raises NotPermitted, UnusableHold."""
        _insist_on(no_button(person, self.people()))
        return self.holding.lift(target, reason, person.called, _account(person))


def _insist_on(refusal: str) -> None:
    if refusal:
        raise NotPermitted(refusal)


def _account(person: Person) -> Account:
    return Account(person.entity, person.name)
