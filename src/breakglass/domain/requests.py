# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody asks for an access: may they, and what exactly would be opened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain.approvals import AUTOMATIC, OVERRIDE, Asker, Overridden
from breakglass.domain.course import Course
from breakglass.domain.hosts import NoHosts, UnknownHost, resolve_hosts
from breakglass.domain.plan import Plan
from breakglass.domain.routing import OutsideAccess, check_bound
from breakglass.domain.rules import Limits, Mode, Policy, RequestRule
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

MANY = 1_000_000
LIMITS = Limits(firing_for=timedelta(), attempts=1, cooldown=timedelta(), repairs_per_day=MANY, hosts_at_once=MANY)
"""Of a request: the hold and the claims of hosts bind it; what keeps alerts from hammering does not concern people."""


class RefusedRequest(BreakglassError):
    """Raised when the policy does not allow what somebody asks for; the sentence says why and what to do."""


@dataclass(frozen=True)
class Person:
    """Who asks, as Vault's identity knows them now.

    Attributes:
        entity: Id of the entity.
        name: Its name.
        groups: Names of its groups.
        person: Whom an admin says it belongs to (metadata `person`); empty where nobody has. People are counted by this.
    """

    entity: str
    name: str
    groups: frozenset[str]
    person: str = ""

    @property
    def called(self) -> str:
        """What people call them: the person, or the entity where nobody has said whose it is."""
        return self.person or self.name


@dataclass(frozen=True)
class Wish:
    """What they ask for.

    Attributes:
        access: Name of the access.
        hosts: Inventory names.
        reason: Why.
        ticket: Where it is tracked; may be empty.
        time_box: Life of the grant from the moment it opens.
        hand_out: Whether they want the grant itself, to use it from their own machine.
        override: Whether they do without the approval, because nobody can be waited for.
        extends: The request of theirs whose sessions are to go on under this one; empty where it stands for itself.
    """

    access: str
    hosts: tuple[str, ...]
    reason: str
    ticket: str
    time_box: timedelta
    hand_out: bool = False
    override: bool = False
    extends: str = ""


def course_of(person: Person, wish: Wish, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> Course:
    """The policy's answer: what will be opened, frozen; `inventory` gives each host's groups.

    Raises:
        RefusedRequest: The policy does not allow it.
    """
    rule = _rule(person, wish, policy)
    quorum = policy.approvals.get(rule.approval)
    return Course(
        trigger=rule.name,
        owner=f"{person.name} {person.entity}",
        policy_digest=policy.digest,
        policy_commit=policy.commit,
        policy_author=policy.author,
        mode=Mode.ACT,
        approval=OVERRIDE if wish.override else rule.approval,
        approval_line=rule.line,
        plan=_plan(wish, rule, policy, inventory),
        refusal="",
        limits=LIMITS,
        idempotent=False,
        alert_resolves_within=timedelta(),
        ladder=policy.ladders[rule.escalation],
        quorum=None if wish.override else quorum,
        overridden=Overridden(quorum, rule.override.review_within)
        if quorum and rule.override and wish.override
        else None,
        hands_out=wish.hand_out,
        asked_by=Asker(person.person, person.entity, person.name, _groups(rule, person), wish.reason, wish.ticket),
        opens=policy.access[rule.access].words,
    )


def _rule(person: Person, wish: Wish, policy: Policy) -> RequestRule:
    """The first rule for this access and one of the person's groups."""
    for_access = [rule for rule in policy.requests if rule.access == wish.access]
    if not for_access:
        raise RefusedRequest(f"The policy has no request for the access {wish.access}; it names what may be asked for.")
    rule = next((rule for rule in for_access if rule.who & person.groups), None)
    if rule is None:
        wanted = ", ".join(sorted(frozenset().union(*(rule.who for rule in for_access))))
        raise RefusedRequest(f"{person.name} is in none of the groups that may ask for {wish.access} ({wanted}).")
    if rule.approval != AUTOMATIC and not person.person:
        raise RefusedRequest(
            f"{rule.name} needs the approval of others, and Vault does not say whose entity {person.name} is: an admin sets "
            "its metadata `person`."
        )
    if not wish.reason.strip():
        raise RefusedRequest("A request needs a reason: a sentence that an auditor understands.")
    if rule.ticket_required and not wish.ticket.strip():
        raise RefusedRequest(f"{rule.name} needs a ticket: name the one that this belongs to.")
    if wish.override and (rule.override is None or rule.override.who.isdisjoint(person.groups)):
        who = ", ".join(sorted(rule.override.who)) if rule.override else "nobody"
        raise RefusedRequest(f"{rule.name} can't be opened without its approval by you: the policy lets {who} do that.")
    if wish.hand_out and not policy.access[rule.access].hand_out:
        raise RefusedRequest(
            f"The credentials of {rule.access} do not leave the runner (the policy says no hand_out: true): use breakglass ssh."
        )
    if not timedelta(seconds=1) <= wish.time_box <= rule.time_box:
        raise RefusedRequest(
            f"{rule.name} opens for {int(rule.time_box.total_seconds())} s at most; ask for a shorter time box."
        )
    return rule


def _groups(rule: RequestRule, person: Person) -> tuple[str, ...]:
    return tuple(sorted(rule.who & person.groups))


def _plan(wish: Wish, rule: RequestRule, policy: Policy, inventory: Mapping[str, frozenset[str]]) -> Plan:
    access = policy.access[rule.access]
    try:
        hosts = resolve_hosts(list(wish.hosts), inventory)
        check_bound(hosts, access, inventory)
    except (NoHosts, UnknownHost, OutsideAccess) as error:
        raise RefusedRequest(str(error)) from error
    return Plan(
        remediation="",
        content_digest="",
        hosts=hosts,
        parameters={},
        access=access.name,
        user=access.ssh.user if access.ssh else "",
        time_box_seconds=int(wish.time_box.total_seconds()),
        extends=wish.extends,
    )
