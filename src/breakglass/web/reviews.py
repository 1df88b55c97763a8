# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/reviews`: which overrides are to be judged, and judging one."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from pydantic import Field

from breakglass.domain.question import summary
from breakglass.reviews import NoSuchReview, RefusedReview, Verdict
from breakglass.store.database import milliseconds
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, Shown, Words, operation

if TYPE_CHECKING:
    from breakglass.reviews import Judging
    from breakglass.runner import Runner
    from breakglass.store.reviews import Review
    from breakglass.web.metrics import Metrics

PATH = "/api/v1/reviews"
LARGEST_BODY = 16_384


class Judgement(Said):
    """What somebody says to an override."""

    verdict: Verdict = Field(strict=False, description=f"One of {', '.join(Verdict)}.")
    note: Words = Field(description="What happened, and was it right?")


class ReviewShown(Shown):
    """An override that is to be judged."""

    incident: str = Field(description="The override.")
    summary: str = Field(description="What was opened, by whom, in one line.")
    due_at: str = Field(description="Until when it is to be judged (ISO 8601, UTC).")
    overdue: bool = Field(description="Whether that is over.")


@dataclass(frozen=True)
class ReviewPages:
    """The API.

    Attributes:
        judging: The reviews.
    """

    judging: Judging

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(runner.judging)

    @operation(
        Operation(
            "GET",
            PATH,
            "listReviews",
            "What is to be judged",
            Done(HTTPStatus.OK, "The most urgent first.", Page[ReviewShown]),
            group="reviews",
            query=Paging,
        )
    )
    def list(self, call: Call[Paging]) -> Page[ReviewShown]:
        """As far as the caller may see it."""
        found, following = part(call.said, self.judging.due(call.person), _most_urgent_first)
        return Page(items=[_shown(review) for review in found], next=following)

    @operation(
        Operation(
            "POST",
            f"{PATH}/{{incident}}",
            "giveReview",
            "Judge one",
            Done(HTTPStatus.NO_CONTENT, "The verdict is durable."),
            group="reviews",
            body=Judgement,
            largest_body=LARGEST_BODY,
            refusals=(
                Refusal(HTTPStatus.NOT_FOUND, "No review of this incident is due, for the caller.", (NoSuchReview,)),
                Refusal(HTTPStatus.CONFLICT, "It can't be taken, and why; nothing was changed.", (RefusedReview,)),
            ),
        )
    )
    def give(self, call: Call[Judgement]) -> None:
        """Somebody else than who asked says whether it was right."""
        self.judging.give(call.person, call.path("incident"), call.said.verdict, call.said.note)


def _most_urgent_first(review: Review) -> tuple[int, str]:
    return milliseconds(review.due_at), review.incident.id


def _shown(review: Review) -> ReviewShown:
    return ReviewShown(
        incident=review.incident.id,
        summary=summary(review.incident),
        due_at=review.due_at.isoformat(),
        overdue=review.overdue,
    )
