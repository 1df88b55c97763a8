# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is the same person, and whose a request is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NOW, make_course, make_incident, make_plan

from breakglass.domain.approvals import Asker, Overridden, Quorum, Requirement, Vote
from breakglass.domain.incident import State
from breakglass.domain.requests import Person
from breakglass.domain.voting import vote_refusal
from breakglass.domain.whose import has_approved, has_asked, has_asked_by_this_account, is_same_person
from breakglass.reviews import may_judge

QUORUM = Quorum("both", (Requirement(2, ("dba",)),), ("chat",), 5 * MINUTE)
ASKER = Asker("ada", "e-ada", "ada", ("web-team",), "locks")
PLAN = replace(make_plan(), remediation="")
COURSE = replace(make_course(plan=PLAN), asked_by=ASKER, quorum=QUORUM)
ASKED = replace(make_incident(COURSE), state=State.APPROVING)

ADA = Person("e-ada", "ada", frozenset({"web-team", "dba"}), "ada")
ADA_ELSEWHERE = Person("e-ada-ldap", "ada-ldap", frozenset({"dba"}), "ada")
ADA_RENAMED = Person("e-ada", "ada", frozenset({"dba"}), "somebody-else")
BEN = Person("e-ben", "ben", frozenset({"dba"}), "ben")
BEN_ELSEWHERE = Person("e-ben-ldap", "ben-ldap", frozenset({"dba"}), "ben")
BEN_RENAMED = Person("e-ben", "ben", frozenset({"dba"}), "benjamin")


def vote(who: Person) -> Vote:
    return Vote(who.person, who.entity, who.name, ("dba",), PLAN.digest, True, "", NOW)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ADA, ADA, True),
        (ADA, ADA_ELSEWHERE, True),
        (ADA, ADA_RENAMED, True),
        (ADA_ELSEWHERE, ADA_RENAMED, False),
        (ADA, BEN, False),
        (replace(ADA, person=""), replace(BEN, person=""), False),
        (replace(ADA, person=""), ADA, True),
    ],
)
def test_who_is_the_same_person(one: Person, other: Person, same: bool) -> None:  # noqa: FBT001 (what is tested)
    """By an entity, or by what an admin says; that nobody says it of either makes them not one."""
    assert (is_same_person(one, other), is_same_person(other, one)) == (same, same)


def test_a_grant_is_the_accounts_and_a_question_the_persons() -> None:
    """By another account of hers she sees and withdraws it; only by the one that asked does she get in."""
    assert [has_asked(who, ASKED) for who in (ADA, ADA_ELSEWHERE, BEN)] == [True, True, False]
    assert [has_asked_by_this_account(who, ASKED) for who in (ADA, ADA_ELSEWHERE, BEN)] == [True, False, False]
    of_an_alert = replace(ASKED, course=replace(COURSE, asked_by=None))
    assert not any(ask(ADA, of_an_alert) for ask in (has_asked, has_asked_by_this_account))


@pytest.mark.parametrize("who", [ADA, ADA_ELSEWHERE, ADA_RENAMED], ids=lambda who: f"{who.name} of {who.person}")
def test_nobody_approves_or_judges_what_they_asked_for(who: Person) -> None:
    """By no account of theirs, whatever an admin says of it meanwhile."""
    assert "nobody approves themselves" in vote_refusal(ASKED, vote(who))
    overridden = replace(ASKED, course=replace(COURSE, quorum=None, overridden=Overridden(QUORUM, MINUTE)))
    assert (may_judge(overridden, who), may_judge(overridden, BEN)) == (False, True)


@pytest.mark.parametrize("again", [BEN, BEN_ELSEWHERE, BEN_RENAMED], ids=lambda who: f"{who.name} of {who.person}")
def test_nobody_says_yes_twice(again: Person) -> None:
    """By no account of theirs; who has not yet may."""
    once = replace(ASKED, votes=(vote(BEN),))
    assert has_approved(again, once)
    assert "counts once" in vote_refusal(once, vote(again))
    assert vote_refusal(once, vote(replace(BEN, entity="e-cy", person="cy"))) == ""
