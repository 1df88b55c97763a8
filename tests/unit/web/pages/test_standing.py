# SPDX-License-Identifier: GPL-3.0-or-later
"""How a question stands, in words, for the one who looks at it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NOW, SECOND, make_course, make_incident

from breakglass.approvals import Question
from breakglass.domain.approvals import Quorum, Requirement, Vote
from breakglass.domain.incident import Attempt, Escalation, Incident, Result, State
from breakglass.domain.requests import Person
from breakglass.web.pages.standing import grouped, shown_lines, standing, to_acknowledge

QUORUM = Quorum("two", (Requirement(1, ("dba",)), Requirement(1, ("security",))), ("chat",), 15 * MINUTE)
BEN = Person("e-ben", "ben", frozenset({"dba"}), "ben")


def waiting(**other: object) -> Incident:
    """It waits for people since now."""
    made = make_incident(make_course(quorum=QUORUM))
    return replace(made, **{"state": State.APPROVING, "since": NOW, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (30 * SECOND, "14 minutes left"),
        (13 * MINUTE + 30 * SECOND, "1 minute left"),
        (14 * MINUTE + 30 * SECOND, "less than a minute left"),
        (20 * MINUTE, "less than a minute left"),
    ],
)
def test_it_says_how_long_there_is_to_answer(later: object, left: str) -> None:
    """In minutes, rounded down."""
    assert standing(Question(waiting(), "", ""), BEN, NOW + later) == f"Waits for your answer, {left}."  # type: ignore[operator]


def test_who_has_said_yes_is_told_who_is_missing() -> None:
    """And what would make the yes void."""
    vote = Vote("ben", "e-ben", "ben", ("dba",), "d", True, "", NOW)
    said = standing(Question(waiting(votes=(vote,)), "no", ""), BEN, NOW)
    assert said == "You have approved this. Still needed: 1 of security. If the plan changes, your yes is void."


def test_who_can_not_answer_is_told_why() -> None:
    """In the words of the terminal."""
    assert standing(Question(waiting(), "nobody approves themselves", ""), BEN, NOW) == "nobody approves themselves."


@pytest.mark.parametrize("state", [state for state in State if state not in (State.APPROVING, State.ESCALATED)])
def test_every_state_has_words(state: State) -> None:
    """One sentence that ends; nothing is shown that was about the asking."""
    incident = waiting(state=state, blocked="ben denied it: not now", result=Result.REFUSED)
    said = standing(Question(incident, "", ""), BEN, NOW)
    assert said.endswith("ben denied it: not now.")
    assert not {"time", "still needed"} & {label for label, _ in shown_lines(Question(incident, "", ""))}
    assert not to_acknowledge(incident)


def test_who_is_called_sees_why_and_who_has_it() -> None:
    """Until somebody has it, there is something to acknowledge."""
    called = waiting(state=State.ESCALATED, escalation=Escalation("ben denied it: not now", 0, NOW))
    assert standing(Question(called, "", ""), BEN, NOW) == "People were called: ben denied it: not now."
    assert to_acknowledge(called)
    assert called.escalation
    heard = replace(called, escalation=replace(called.escalation, acknowledged_by="cy"))
    assert standing(Question(heard, "", ""), BEN, NOW).endswith("cy has it.")
    assert not to_acknowledge(heard)


def test_while_it_is_previewed_nobody_has_approved_anything() -> None:
    """The states of a repair are a preview's, too, and the words are others."""
    for state in (State.OPENING, State.RUNNING, State.CLOSING):
        incident = waiting(state=state, attempts=(Attempt(1, preview=True),))
        assert standing(Question(incident, "", ""), BEN, NOW).startswith("It is being previewed.")


def test_a_difference_stands_below_its_change() -> None:
    """Lines without a label go on with the one before."""
    lines = [("", "odd"), ("would change", "web1: it"), ("", "-old"), ("", "+new"), ("plan", "d")]
    assert grouped(lines) == [("", "odd", ""), ("would change", "web1: it", "-old\n+new"), ("plan", "d", "")]
