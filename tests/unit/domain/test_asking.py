# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident that waits for people: who is asked when, which votes count, and how waiting ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import HOUR, MINUTE, NOW, SECOND, make_alert, make_course, make_incident

from breakglass.domain import messages as heard
from breakglass.domain.approvals import Asker, Quorum, Requirement, Vote
from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect, Incident, Result, State
from breakglass.domain.orders import Ordered, Word, refusal

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.domain.draft import Decision

QUORUM = Quorum("two", (Requirement(1, ("dba",)), Requirement(1, ("security",))), ("chat",), 15 * MINUTE)
ASKER = Asker("ada", "e-ada", "ada", ("dba",))


class Question:
    """An incident whose plan waits for people; `asker` asked for it, or nobody."""

    def __init__(self, asker: Asker | None = None) -> None:
        self.now = NOW
        self.decision: Decision
        self.incident: Incident = make_incident(make_course(quorum=QUORUM, asked_by=asker))
        self.hears(heard.AlertArrived(make_alert()))
        self.hears(heard.Reserved(()))

    @property
    def digest(self) -> str:
        assert self.incident.course.plan
        return self.incident.course.plan.digest

    def hears(self, *messages: heard.Message) -> None:
        self.decision = decide(self.incident, messages, self.now)
        self.incident = self.decision.incident

    def at(self, moment: datetime, *messages: heard.Message) -> None:
        self.now = moment
        self.hears(*messages)

    def vote(self, person: str, *groups: str, yes: bool = True, **other: str) -> Ordered:
        said = Vote(person, f"e-{person}", person, groups, self.digest, yes, "because", self.now)
        return Ordered(Word.VOTE, person, "because", replace(said, **other))  # type: ignore[arg-type]

    def kinds(self) -> list[str]:
        return [note.kind for note in self.decision.notes]


def test_people_are_asked_at_once_and_reminded_once() -> None:
    """The question goes out when the plan is made, and again when half of the time is over."""
    question = Question()
    assert (question.incident.state, question.incident.effect) == (State.APPROVING, Effect.ASK)
    question.hears(heard.Asked(("chat",)))
    assert question.decision.look_again_at == NOW + QUORUM.within / 2
    question.at(NOW + QUORUM.within / 2)
    assert question.incident.effect is Effect.ASK
    question.hears(heard.Asked(("chat",)))
    assert question.decision.look_again_at == NOW + QUORUM.within
    assert question.incident.blocked == "approval by 1 of dba · 1 of security"


def test_who_could_not_be_asked_is_asked_again() -> None:
    """A channel that did not take the question is tried until the time is over."""
    question = Question()
    question.hears(heard.NotAsked("chat: it did not take the message"))
    assert question.decision.look_again_at == NOW + SECOND
    question.at(NOW + SECOND)
    assert question.incident.effect is Effect.ASK


def test_two_people_say_yes_and_it_begins() -> None:
    """Each yes is recorded; the last one opens."""
    question = Question()
    question.hears(heard.Asked(("chat",)), question.vote("ben", "dba"))
    assert question.incident.state is State.APPROVING
    assert question.incident.blocked == "approval by 1 of security"
    question.hears(question.vote("cy", "security"))
    assert (question.incident.state, question.incident.effect) == (State.OPENING, Effect.OPEN_GRANT)
    assert "approval.given" in question.kinds()


def test_a_no_ends_it() -> None:
    """One no is enough, also after a yes; people hear why."""
    question = Question()
    question.hears(heard.Asked(("chat",)), question.vote("ben", "dba"), question.vote("ben", "dba", yes=False))
    assert (question.incident.state, question.incident.result) == (State.ESCALATED, Result.REFUSED)
    assert question.incident.escalation
    assert question.incident.escalation.reason == "ben denied it: because"


def test_nobody_says_anything_and_it_escalates() -> None:
    """When the time is over, automation is."""
    question = Question()
    question.hears(heard.Asked(("chat",)), question.vote("ben", "dba"))
    question.at(NOW + QUORUM.within, question.vote("cy", "security"))
    assert "approval.refused" in question.kinds()
    assert question.incident.state is State.ESCALATED
    assert question.incident.escalation
    assert "still needs 1 of security" in question.incident.escalation.reason


def test_an_alert_that_resolves_needs_nobody() -> None:
    """The question is over."""
    question = Question()
    question.hears(heard.Asked(("chat",)), heard.AlertArrived(make_alert("resolved", starts_at=NOW + HOUR)))
    assert (question.incident.state, question.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)


@pytest.mark.parametrize(
    ("person", "groups", "other", "sentence"),
    [
        ("ada", ("security",), {}, "nobody approves themselves"),
        ("cy", ("security",), {"entity": "e-ada"}, "nobody approves themselves"),
        ("cy", (), {}, "in none of the groups"),
        ("", ("security",), {}, "does not say whose entity"),
        ("cy", ("security",), {"digest": "another"}, "look again"),
        ("ben", ("security",), {}, "counts once"),
    ],
)
def test_votes_that_do_not_count(person: str, groups: tuple[str, ...], other: dict[str, str], sentence: str) -> None:
    """Self-approval, also by a second entity; strangers; another plan; the same person in another group."""
    question = Question(ASKER)
    question.hears(heard.Asked(("chat",)), question.vote("ben", "dba"))
    said = question.vote(person, *groups, **other)
    assert sentence in refusal(question.incident, said)
    question.hears(said)
    assert question.kinds() == ["approval.refused"]
    assert question.incident.state is State.APPROVING


def test_a_yes_is_for_one_attempt() -> None:
    """The second attempt asks again."""
    question = Question()
    question.hears(heard.Asked(("chat",)), question.vote("ben", "dba"), question.vote("cy", "security"))
    question.hears(heard.GrantMinted("accessor", NOW + HOUR))
    question.hears(heard.Interrupted())
    question.hears(heard.GrantProvenGone(NOW, ""))
    question.hears(heard.Reserved(()))
    assert (question.incident.state, question.incident.effect) == (State.APPROVING, Effect.ASK)
    assert question.incident.votes == ()


def test_a_vote_on_what_asks_nobody_is_refused() -> None:
    """What is approved automatically has no question."""
    incident = make_incident(make_course())
    said = Ordered(Word.VOTE, "ben", "", Vote("ben", "e", "ben", ("dba",), "d", True, "", NOW))
    assert "waits for no approval" in refusal(incident, said)
