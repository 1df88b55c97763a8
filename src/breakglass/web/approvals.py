# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/approvals`: what waits for the caller's yes or no, and saying it with the code of this moment."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import Field

from breakglass.approvals import Answer
from breakglass.domain.incident import State
from breakglass.second_factor import NoFactor, WrongCode
from breakglass.store.database import milliseconds
from breakglass.store.factors import LockedFactor, UsedCode
from breakglass.store.orders import NoSuchIncident, RefusedOrder
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, Shown, Words, operation

if TYPE_CHECKING:
    from breakglass.approvals import Approvals, Question
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

PATH = "/api/v1/approvals"
LARGEST_BODY = 8192
NONE_FOR_YOU = Refusal(HTTPStatus.NOT_FOUND, "There is no such question for the caller.", (NoSuchIncident,))
REFUSALS: Final = (
    NONE_FOR_YOU,
    Refusal(HTTPStatus.CONFLICT, "The answer can't be taken, and why; no code was used up.", (RefusedOrder,)),
    Refusal(HTTPStatus.FORBIDDEN, "The code is wrong or used, or there is no factor.", (WrongCode, UsedCode, NoFactor)),
    Refusal(HTTPStatus.TOO_MANY_REQUESTS, "The factor is locked after too many wrong codes.", (LockedFactor,)),
)
STATUS: Final = {error: refusal.status for refusal in REFUSALS for error in refusal.errors}


class AnswerSaid(Said):
    """A yes or no to a plan."""

    digest: Words = Field("", description="Of the plan that was shown: the answer is to that one and no other.")
    yes: bool = Field(description="Yes or no.")
    reason: Words = Field("", description="Why; a no needs it.")
    code: Words = Field("", description="Of the caller's second factor, of this moment.")
    preview: Words = Field("", description="Digest of the preview that was shown; empty where there was none.")


class WouldChangeShown(Shown):
    """A task that says in check mode that it would change something."""

    host: str = Field(description="Where.")
    task: str = Field(description="Its name.")
    differences: list[str] = Field(description="What it would change in files, masked and capped.")


class PreviewShown(Shown):
    """What the plan would change, found in check mode."""

    digest: str = Field(description="Of this preview.")
    changes: list[WouldChangeShown] = Field(description="In the order of the play; none where it changes nothing.")
    left_out: int = Field(description="How many more there are; the journal has all.")
    why_not: str = Field(description="Why nobody can say; empty when that is said.")


class QuestionShown(Shown):
    """A plan that waits for people, as the caller sees it."""

    incident: str = Field(description="What it belongs to.")
    state: State = Field(description="Of the incident.")
    headline: str = Field(description="What is asked, in one line.")
    digest: str = Field(description="Of the plan.")
    lines: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        description="What would happen: label and text."
    )
    ends_at: str | None = Field(description="Until when it can be answered (ISO 8601, UTC).")
    why_not: str = Field(description="Why the caller can't approve it; empty when they can.")
    preview: PreviewShown | None = Field(description="What it would change; null where nobody asked for a preview.")


@dataclass(frozen=True)
class ApprovalPages:
    """The API.

    Attributes:
        approvals: The questions.
    """

    approvals: Approvals

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(runner.approvals)

    @operation(
        Operation(
            "GET",
            PATH,
            "listApprovals",
            "What waits for people",
            Done(HTTPStatus.OK, "The oldest first.", Page[QuestionShown]),
            group="approvals",
            query=Paging,
        )
    )
    def list(self, call: Call[Paging]) -> Page[QuestionShown]:
        """Every question that the caller may see."""
        found, following = part(call.said, self.approvals.waiting(call.person), _oldest_first)
        return Page(items=[_shown(question) for question in found], next=following)

    @operation(
        Operation(
            "GET",
            f"{PATH}/{{incident}}",
            "showApproval",
            "One question",
            Done(HTTPStatus.OK, "As it stands now.", QuestionShown),
            group="approvals",
            refusals=(NONE_FOR_YOU,),
        )
    )
    def show(self, call: Call[Said]) -> QuestionShown:
        """Also one that is decided by now."""
        return _shown(self.approvals.question(call.person, call.path("incident")))

    @operation(
        Operation(
            "POST",
            f"{PATH}/{{incident}}",
            "answerApproval",
            "Say yes or no",
            Done(HTTPStatus.ACCEPTED, "The answer is durable. The question as it was before.", QuestionShown),
            group="approvals",
            body=AnswerSaid,
            largest_body=LARGEST_BODY,
            refusals=REFUSALS,
        )
    )
    def answer(self, call: Call[AnswerSaid]) -> QuestionShown:
        """What it comes to is seen at the question."""
        said = call.said
        answer = Answer(said.digest, said.yes, said.reason, said.code, said.preview)
        return _shown(self.approvals.answer(call.person, call.path("incident"), answer))


def _oldest_first(question: Question) -> tuple[int, str]:
    return milliseconds(question.incident.opened_at), question.incident.id


def _shown(question: Question) -> QuestionShown:
    return QuestionShown.model_validate(question.to_json())
