# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import HOUR, MINUTE, NOW, make_course, make_incident

from breakglass.domain.approvals import Asker, Overridden, Quorum, Requirement
from breakglass.domain.incident import Escalation, State
from breakglass.domain.orders import Word
from breakglass.domain.people import People
from breakglass.domain.permissions import may_see, no_button, no_overview, no_recording, no_word, operates
from breakglass.domain.requests import Person

ROLES = People(operators=frozenset({"ops"}), auditors=frozenset({"revision"}))
NOBODY = People()
GROUPS = frozenset({"ops", "dba", "web-team"})
QUORUM = Quorum("dba", (Requirement(1, ("dba",)),), ("chat",), 5 * MINUTE)
ASKER = Asker("ada", "entity-ada", "ada", ("web-team",), "locks")

OPERATOR = Person("entity-1", "otto", frozenset({"ops"}), "otto")
AUDITOR = Person("entity-2", "rita", frozenset({"revision"}), "rita")
APPROVER = Person("entity-3", "ben", frozenset({"dba"}), "ben")
ADA = Person("entity-ada", "ada", frozenset({"web-team"}), "ada")
ADA_ELSEWHERE = Person("entity-ada-2", "ada-admin", frozenset(), "ada")
STRANGER = Person("entity-4", "eve", frozenset({"web-team", "other"}), "eve")
UNNAMED = Person("entity-5", "service", frozenset(), "")
EVERYBODY = (OPERATOR, AUDITOR, APPROVER, ADA, ADA_ELSEWHERE, STRANGER, UNNAMED)
WORDS = (Word.ACKNOWLEDGE, Word.CANCEL, Word.CLOSE, Word.RETRY)

OF_AN_ALERT = make_incident()
ASKED_FOR = make_incident(replace(make_course(), asked_by=ASKER, quorum=QUORUM))
CALLED = replace(
    make_incident(replace(make_course(), asked_by=ASKER)),
    state=State.ESCALATED,
    escalation=Escalation("it did not help", 0, NOW),
)
OVERRIDE = make_incident(replace(make_course(), asked_by=ASKER, overridden=Overridden(QUORUM, HOUR)))


def names(*people: Person) -> set[str]:
    return {person.name for person in people}


def test_who_reads_what() -> None:
    """Operators and auditors everything; others what they asked for, may approve, were called for, or are to judge."""
    for incident, others in (
        (OF_AN_ALERT, ()),
        (ASKED_FOR, (APPROVER, ADA, ADA_ELSEWHERE)),
        (OVERRIDE, (APPROVER, ADA, ADA_ELSEWHERE)),
        (CALLED, (APPROVER, ADA, ADA_ELSEWHERE, STRANGER)),
    ):
        assert names(*(one for one in EVERYBODY if may_see(one, ROLES, GROUPS, incident))) == names(
            OPERATOR, AUDITOR, *others
        )


def test_who_sees_what_a_terminal_has_shown() -> None:
    """Nothing in it is masked: who approves or is called sees the incident, and not that; who judges an override does."""
    for incident, others in (
        (ASKED_FOR, (ADA, ADA_ELSEWHERE)),
        (CALLED, (ADA, ADA_ELSEWHERE)),
        (OVERRIDE, (APPROVER, ADA, ADA_ELSEWHERE)),
    ):
        may = [one for one in EVERYBODY if not no_recording(one, ROLES, incident)]
        assert names(*may) == names(OPERATOR, AUDITOR, *others)
    assert "operators and auditors: ops, revision" in no_recording(APPROVER, ROLES, ASKED_FOR)


@pytest.mark.parametrize(
    ("incident", "word", "may"),
    [
        (OF_AN_ALERT, Word.ACKNOWLEDGE, (OPERATOR,)),
        (OF_AN_ALERT, Word.CANCEL, (OPERATOR,)),
        (ASKED_FOR, Word.ACKNOWLEDGE, (OPERATOR, APPROVER)),
        (ASKED_FOR, Word.CANCEL, (OPERATOR, ADA, ADA_ELSEWHERE)),
        (ASKED_FOR, Word.CLOSE, (OPERATOR,)),
        (ASKED_FOR, Word.RETRY, (OPERATOR,)),
        (CALLED, Word.ACKNOWLEDGE, (OPERATOR, APPROVER, STRANGER)),
        (CALLED, Word.CLOSE, (OPERATOR,)),
        (OVERRIDE, Word.ACKNOWLEDGE, (OPERATOR,)),
        (OVERRIDE, Word.CANCEL, (OPERATOR, ADA, ADA_ELSEWHERE)),
    ],
)
def test_who_says_what(incident: object, word: Word, may: tuple[Person, ...]) -> None:
    """Who asked cancels and no more; who may approve or was called acknowledges and no more."""
    said = names(*(one for one in EVERYBODY if not no_word(one, ROLES, GROUPS, incident, word)))  # type: ignore[arg-type]
    assert said == names(*may)


def test_the_buttons_are_the_operators() -> None:
    """Holds, lifts, revocations; the overview is the auditors' too, and a refusal names the groups that may."""
    assert names(*(one for one in EVERYBODY if not no_button(one, ROLES))) == names(OPERATOR)
    assert names(*(one for one in EVERYBODY if not no_overview(one, ROLES))) == names(OPERATOR, AUDITOR)
    assert no_button(AUDITOR, ROLES) == "rita is in none of the groups that may do this (the policy's operators: ops)."


def test_a_policy_that_names_nobody_lets_nobody() -> None:
    """A person without any group is not in a role without any group."""
    for one in EVERYBODY:
        assert not operates(one, NOBODY)
        assert not may_see(one, NOBODY, (), OF_AN_ALERT)
        assert "--settings" in no_button(one, NOBODY)
        assert all(no_word(one, NOBODY, (), OF_AN_ALERT, word) for word in WORDS)


def test_people_whom_nobody_has_named_are_not_one_person() -> None:
    """Two entities without the metadata `person` have it both empty; that makes neither the other."""
    asked = replace(ASKED_FOR, course=replace(ASKED_FOR.course, asked_by=replace(ASKER, person="")))
    assert not may_see(UNNAMED, ROLES, GROUPS, asked)
    assert may_see(ADA, ROLES, GROUPS, asked)
