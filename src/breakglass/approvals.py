# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: what waits for people, and who may say yes or no to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.approvals import Vote
from breakglass.domain.calls import may_hear, waits_to_be_heard
from breakglass.domain.incident import State
from breakglass.domain.orders import LONGEST_REASON, Ordered, Word, refusal
from breakglass.domain.people import Account, People
from breakglass.domain.permissions import may_acknowledge, may_decide, reads_everything
from breakglass.domain.question import headline, question_lines
from breakglass.domain.whose import has_asked
from breakglass.store.orders import NoSuchIncident, RefusedOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from breakglass.domain.incident import Incident
    from breakglass.domain.question import Line
    from breakglass.domain.requests import Person
    from breakglass.second_factor import SecondFactor
    from breakglass.store.orders import Orders


@dataclass(frozen=True)
class Question:
    """A plan that waits for people, as one of them sees it.

    Attributes:
        incident: What it belongs to.
        why_not: Why this person can't approve it; empty when they can.
        why_no_no: Why they can't deny it; empty when they can. Who has said yes may still say no.
        yours: The groups by which their yes would count; none where they can't approve it.
    """

    incident: Incident
    why_not: str
    why_no_no: str
    yours: frozenset[str] = frozenset()

    @property
    def lines(self) -> list[Line]:
        """What they decide about, label and text."""
        return question_lines(self.incident, self.yours)

    def to_json(self) -> dict[str, object]:
        """For programs and the command line."""
        plan, quorum = self.incident.course.plan, self.incident.course.quorum
        return {
            "incident": self.incident.id,
            "state": self.incident.state.value,
            "headline": headline(self.incident),
            "digest": plan.digest if plan else "",
            "lines": [list(line) for line in self.lines],
            "ends_at": (self.incident.since + quorum.within).isoformat() if quorum else None,
            "why_not": self.why_not,
            "preview": _preview(self.incident),
        }


@dataclass(frozen=True)
class Answer:
    """What a person says to a question.

    Attributes:
        digest: Of the plan that they were shown.
        yes: Or no.
        reason: Why; needed for a no.
        code: Of their second factor; never shown.
        preview: Digest of the preview that they were shown; empty where they say of none.
    """

    digest: str
    yes: bool
    reason: str
    code: str = field(repr=False)
    preview: str = ""


@dataclass(frozen=True)
class Approvals:
    """The questions of one installation.

    Attributes:
        orders: Where votes go.
        factor: Checks codes.
        hint: Called when something was taken in.
        groups: Every group whose members act by the policy in force; auditors only read.
        people: The roles of the policy in force; operators and auditors read every question.
    """

    orders: Orders
    factor: SecondFactor
    hint: Callable[[], None]
    groups: Callable[[], Collection[str]]
    people: Callable[[], People] = People

    def waiting(self, person: Person) -> list[Question]:
        """Every question that this person may see, oldest first."""
        return self._found(person, _asks, self._may_read)

    def inbox(self, person: Person) -> list[Question]:
        """Those that concern this person, and what people were called for and nobody has acknowledged."""
        found = self._found(person, lambda one: _asks(one) or waits_to_be_heard(one), self._concerns)
        return sorted(found, key=lambda question: not _asks(question.incident))

    def question(self, person: Person, incident: str) -> Question:
        """One of them, also when it is decided. Raises NoSuchIncident."""
        found = self.orders.show(incident)
        if found is None or not self._may_read(found, person):
            raise NoSuchIncident(f"There is no question {incident[:80]} for you.")
        return _question(found, person)

    def answer(self, person: Person, incident: str, answer: Answer) -> Question:
        """Take in a yes or no; durable on return. Gives the question as it was.

        Raises:
            NoSuchIncident: There is none for this person.
            RefusedOrder: It can't be taken, and why; no code was used up.
            BreakglassError: The code is wrong, locked or used; or Vault or the database can't be asked.
        """
        question = self.question(person, incident)
        reason = answer.reason.strip()
        if len(reason) > LONGEST_REASON or not (reason or answer.yes):
            raise RefusedOrder(f"A no needs a reason, and none may have more than {LONGEST_REASON} characters.")
        ordered = _vote(question.incident, person, answer, reason)
        if why := refusal(question.incident, ordered):
            raise RefusedOrder(f"{why}.")
        self.factor.check(person.person, answer.code)
        self.orders.give(incident, ordered)
        self.hint()
        return question

    def acknowledge(self, person: Person, incident: str) -> Incident:
        """This person has heard that people are called; durable on return. Gives the incident as it was.

        Raises:
            NoSuchIncident: There is none for this person.
            RefusedOrder: Nobody is called, somebody has acknowledged it, they asked for it themselves, or they only read it.
            BreakglassError: The database can't be asked.
        """
        found = self.question(person, incident).incident
        if not may_acknowledge(person, found, self.groups()):
            why = "is your own request" if has_asked(person, found) else "is yours to read, and no more"
            raise RefusedOrder(f"{incident} {why}: one of those who were called acknowledges it.")
        ordered = Ordered(Word.ACKNOWLEDGE, person.called, "", account=Account(person.entity, person.name))
        before = self.orders.give(incident, ordered)
        self.hint()
        return before

    def _concerns(self, incident: Incident, person: Person) -> bool:
        return _is_asked(incident, person) or may_hear(incident, person, self.groups())

    def _may_read(self, incident: Incident, person: Person) -> bool:
        overview = incident.course.quorum is not None and reads_everything(person, self.people())
        return overview or self._concerns(incident, person)

    def _found(
        self, person: Person, wanted: Callable[[Incident], bool], may: Callable[[Incident, Person], bool]
    ) -> list[Question]:
        found = self.orders.open_incidents()
        return [_question(one, person) for one in found if wanted(one) and may(one, person)]


def _question(incident: Incident, person: Person) -> Question:
    digest = incident.course.plan.digest if incident.course.plan else ""
    why_not, why_no_no = (
        refusal(incident, _vote(incident, person, Answer(digest, yes, "", ""), "")) for yes in (True, False)
    )
    yours = person.groups if incident.course.quorum and not why_not else frozenset()
    return Question(incident, why_not, why_no_no, yours)


def _vote(incident: Incident, person: Person, answer: Answer, reason: str) -> Ordered:
    quorum = incident.course.quorum
    groups = tuple(sorted(person.groups & quorum.groups)) if quorum else ()
    said = (answer.digest, answer.yes, reason, datetime.now(UTC), answer.preview)
    vote = Vote(person.person, person.entity, person.name, groups, *said)
    return Ordered(Word.VOTE, person.called, reason, vote)


def _asks(incident: Incident) -> bool:
    """Whether people are asked; also while the grant of the preview is still being closed, which they were told."""
    return incident.state is State.APPROVING or (incident.previews and incident.asked > 0)


def _preview(incident: Incident) -> dict[str, object] | None:
    previewed = incident.previewed
    return {"digest": previewed.digest, **previewed.to_json()} if previewed else None


def _is_asked(incident: Incident, person: Person) -> bool:
    return may_decide(person, incident) or (incident.course.quorum is not None and has_asked(person, incident))
