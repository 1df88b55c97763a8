# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may ask for, and what they have asked for already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.offers import all_offers, offers_for
from breakglass.domain.whose import has_asked_by_this_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.incident import Incident
    from breakglass.domain.offers import Offer
    from breakglass.domain.requests import Person
    from breakglass.in_force import InForce


@dataclass(frozen=True)
class Offers:
    """Tells it.

    Attributes:
        in_force: The rules.
        open_incidents: Every incident that is not closed.
    """

    in_force: InForce
    open_incidents: Callable[[], list[Incident]]

    def offered(self, person: Person, host: str) -> list[Offer]:
        """The accesses that let this person log in to a host; without one all that they may ask for."""
        rules = self.in_force.now
        if not host:
            return all_offers(person, rules.policy, rules.hosts)
        return offers_for(person, host, rules.policy, rules.hosts)

    def mine(self, person: Person) -> list[Incident]:
        """Their own requests that are not over, the newest first. Raises DatabaseUnavailable."""
        return [one for one in reversed(self.open_incidents()) if has_asked_by_this_account(person, one)]
