# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy offers to somebody who wants to log in to a host."""

from __future__ import annotations

from datetime import timedelta

from breakglass.domain.approvals import AUTOMATIC, Quorum, Requirement
from breakglass.domain.offers import Offer, all_offers, offers_for
from breakglass.domain.requests import Person
from breakglass.domain.rules import Access, Policy, RequestRule, SshCredential

MINUTE = timedelta(minutes=1)
ADA = Person("e-ada", "ada", frozenset({"web-team"}), "ada")
INVENTORY = {"web1": frozenset({"web", "all"}), "db1": frozenset({"db", "all"})}


def rule(name: str, access: str, approval: str, minutes: int, who: str = "web-team") -> RequestRule:
    """One of the policy."""
    return RequestRule(name, "policy:1", frozenset({who}), access, approval, minutes * MINUTE, name == "first", "chat")


def access(name: str, *, opens_ssh: bool = True) -> Access:
    """One whose hosts are those of web."""
    return Access(
        name, ("web",), SshCredential("breakglass") if opens_ssh else None, 10 * MINUTE, ticket_required=False
    )


QUORUM = Quorum("two", (Requirement(1, ("dba",)), Requirement(2, ("duty", "security"))), ("chat",), MINUTE)
POLICY = Policy(
    digest="d",
    access={"console": access("console"), "secrets": access("secrets", opens_ssh=False), "other": access("other")},
    triggers=(),
    ladders={},
    requests=(
        rule("first", "console", "two", 5),
        rule("again", "console", AUTOMATIC, 10),
        rule("no-login", "secrets", AUTOMATIC, 5),
        rule("others", "other", AUTOMATIC, 5, who="dba"),
    ),
    approvals={"two": QUORUM},
)


def test_what_lets_them_log_in_there_is_offered() -> None:
    """The first rule of each access counts, as it does when they ask; who must say yes is told."""
    offer = Offer(
        "console",
        "1 of dba + 2 of duty or security",
        300,
        ticket_required=True,
        opens=("SSH as breakglass",),
        hosts=("web1",),
        login=True,
        hand_out=False,
    )
    assert offers_for(ADA, "web1", POLICY, INVENTORY) == [offer]


def test_nothing_is_offered_elsewhere_or_to_others() -> None:
    """Another host, one that nobody knows, a person of another group."""
    assert offers_for(ADA, "db1", POLICY, INVENTORY) == offers_for(ADA, "nowhere", POLICY, INVENTORY) == []
    assert offers_for(Person("e", "eve", frozenset()), "web1", POLICY, INVENTORY) == []


def test_nobody_is_named_where_it_is_automatic() -> None:
    """The other group's offer needs no one."""
    (offer,) = offers_for(Person("e", "ben", frozenset({"dba"})), "web1", POLICY, INVENTORY)
    assert (offer.access, offer.needs) == ("other", "")


def test_altogether_accesses_without_a_login_are_offered_too() -> None:
    """Each once, with all hosts that it is for; not what is for other groups."""
    inventory = {**INVENTORY, "web0": frozenset({"web"})}
    found = [(one.access, one.hosts, one.login) for one in all_offers(ADA, POLICY, inventory)]
    assert found == [("console", ("web0", "web1"), True), ("secrets", ("web0", "web1"), False)]
