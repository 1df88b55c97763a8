# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/reviews`: which overrides are to be judged, and judging one."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from breakglass.domain.question import summary
from breakglass.reviews import NoSuchReview, RefusedReview, Verdict
from breakglass.web.fields import read_fields
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from breakglass.reviews import Judging
    from breakglass.store.reviews import Review
    from breakglass.web.callers import Callers

LARGEST_BODY = 16_384
FIELDS = frozenset({"verdict", "note"})


@dataclass(frozen=True)
class ReviewPages:
    """The API.

    Attributes:
        callers: Says who calls.
        judging: The reviews.
    """

    callers: Callers
    judging: Judging

    async def list(self, call: Request) -> Response:
        """What is to be judged, as far as the caller may see it, the most urgent first."""
        person = await self.callers.person(call)
        found = await run_in_threadpool(self.judging.due, person)
        return JSONResponse({"items": [_shown(review) for review in found]}, headers={"Cache-Control": "no-store"})

    async def give(self, call: Request) -> Response:
        """204 when the verdict is durable."""
        person = await self.callers.person(call)
        verdict, note = _judgement(await read_fields(call, LARGEST_BODY, FIELDS, "A review"))
        try:
            await run_in_threadpool(self.judging.give, person, call.path_params["incident"], verdict, note)
        except NoSuchReview as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        except RefusedReview as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _shown(review: Review) -> dict[str, object]:
    return {
        "incident": review.incident.id,
        "summary": summary(review.incident),
        "due_at": review.due_at.isoformat(),
        "overdue": review.overdue,
    }


def _judgement(fields: Mapping[str, object]) -> tuple[Verdict, str]:
    verdict, note = fields.get("verdict"), fields.get("note")
    if not isinstance(verdict, str) or not isinstance(note, str):
        raise Problem(HTTPStatus.BAD_REQUEST, "A review has the texts verdict and note.")
    try:
        return Verdict(verdict), note
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, f"verdict is one of {', '.join(Verdict)}.") from None
