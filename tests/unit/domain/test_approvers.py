# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an approval can be given by the people who are there, also without who asks."""

from __future__ import annotations

from tests.support.incidents import MINUTE

from breakglass.domain.approvals import Quorum, Requirement
from breakglass.domain.approvers import Member, lacking, voters_of

TWO = Quorum("two", (Requirement(1, ("dba",)), Requirement(1, ("dba", "security"))), ("chat",), 15 * MINUTE)


def test_who_is_nobody_or_has_no_factor_can_not_say_yes() -> None:
    """A person is counted once, with all of their groups, whatever entities they have."""
    members = [
        Member("ben-laptop", "ben", "dba"),
        Member("ben-ldap", "ben", "security"),
        Member("cy", "cy", "security"),
        Member("robot", "", "dba"),
    ]
    assert voters_of(members, {"ben"}) == {"ben": frozenset({"dba", "security"})}
    assert voters_of([], {"ben"}) == {}


def test_different_people_must_be_there_for_each_line() -> None:
    """One who is in both groups is one, and the line that is left is named."""
    assert lacking(TWO, {"ben": frozenset({"dba", "security"})}) == "1 of dba or security"
    assert lacking(TWO, {"ben": frozenset({"dba"}), "cy": frozenset({"security"})}) == ""
    assert lacking(TWO, {}) == "1 of dba · 1 of dba or security"


def test_who_asks_does_not_count() -> None:
    """Enough people in all may be too few for one of them."""
    voters = {"ben": frozenset({"dba"}), "cy": frozenset({"security"})}
    assert lacking(TWO, voters, "ben") == "1 of dba"
    assert lacking(TWO, {**voters, "dan": frozenset({"dba"})}, "ben") == ""
    assert lacking(TWO, voters, "somebody else") == ""
