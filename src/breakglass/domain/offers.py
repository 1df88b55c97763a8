# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy offers to somebody who asks: on a host that they want to log in to, and altogether. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.requests import Person
    from breakglass.domain.rules import Policy, RequestRule


@dataclass(frozen=True)
class Offer:
    """An access that somebody may ask for.

    Attributes:
        access: Its name.
        needs: Who must say yes, in words; empty when nobody is asked.
        time_box_seconds: At most.
        ticket_required: Whether a ticket must be named.
        opens: What it opens, in words.
        hosts: Inventory names of those that are meant.
        login: Whether it lets them log in to these.
        hand_out: Whether they may take it to their own machine.
    """

    access: str
    needs: str
    time_box_seconds: int
    ticket_required: bool
    opens: tuple[str, ...]
    hosts: tuple[str, ...]
    login: bool
    hand_out: bool


def offers_for(person: Person, host: str, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> list[Offer]:
    """The accesses that let this person log in to a host, in the order of the policy."""
    there = (one for one in all_offers(person, policy, inventory) if one.login and host in one.hosts)
    return [replace(one, hosts=(host,)) for one in there]


def all_offers(person: Person, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> list[Offer]:
    """Every access that this person may ask for, in the order of the policy; the first rule of each counts, as when they ask."""
    found: dict[str, RequestRule] = {}
    for rule in policy.requests:
        if rule.who & person.groups:
            found.setdefault(rule.access, rule)
    return [_offer(rule, policy, inventory) for rule in found.values()]


def _offer(rule: RequestRule, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> Offer:
    access, quorum = policy.access[rule.access], policy.approvals.get(rule.approval)
    lines = [f"{line.count} of {' or '.join(line.groups)}" for line in quorum.require] if quorum else []
    return Offer(
        access=rule.access,
        needs=" + ".join(lines),
        time_box_seconds=int(rule.time_box.total_seconds()),
        ticket_required=rule.ticket_required,
        opens=access.words,
        hosts=tuple(sorted(host for host, groups in inventory.items() if not groups.isdisjoint(access.hosts))),
        login=access.ssh is not None,
        hand_out=access.hand_out,
    )
