# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy offers to somebody who wants to log in to a host. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.requests import Person
    from breakglass.domain.rules import Policy


@dataclass(frozen=True)
class Offer:
    """An access that somebody may ask for.

    Attributes:
        access: Its name.
        needs: Who must say yes, in words; empty when nobody is asked.
        time_box_seconds: At most.
        ticket_required: Whether a ticket must be named.
        opens: What it opens, in words.
    """

    access: str
    needs: str
    time_box_seconds: int
    ticket_required: bool
    opens: tuple[str, ...]


def offers_for(person: Person, host: str, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> list[Offer]:
    """The accesses that let this person log in to a host, in the order of the policy; the first rule of each counts."""
    found: dict[str, Offer] = {}
    for rule in policy.requests:
        access = policy.access[rule.access]
        opens = access.ssh is not None and not inventory.get(host, frozenset()).isdisjoint(access.hosts)
        if opens and rule.who & person.groups and rule.access not in found:
            quorum = policy.approvals.get(rule.approval)
            lines = [f"{line.count} of {' or '.join(line.groups)}" for line in quorum.require] if quorum else []
            needs = " + ".join(lines)
            seconds = int(rule.time_box.total_seconds())
            found[rule.access] = Offer(rule.access, needs, seconds, rule.ticket_required, access.words)
    return list(found.values())
