# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/approvals`: what waits for the caller's yes or no, and saying it with the code of this moment."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from breakglass.approvals import Answer
from breakglass.second_factor import NoFactor, WrongCode
from breakglass.store.factors import LockedFactor, UsedCode
from breakglass.store.orders import NoSuchIncident, RefusedOrder
from breakglass.web.fields import read_fields
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from breakglass.approvals import Approvals
    from breakglass.web.callers import Callers

LARGEST_BODY = 8192
FIELDS = frozenset({"digest", "yes", "reason", "code"})
TEXTS = 3


@dataclass(frozen=True)
class ApprovalPages:
    """The API.

    Attributes:
        callers: Says who calls.
        approvals: The questions.
    """

    callers: Callers
    approvals: Approvals

    async def list(self, call: Request) -> Response:
        """What waits for people, as far as the caller may see it."""
        person = await self.callers.person(call)
        questions = await run_in_threadpool(self.approvals.waiting, person)
        return JSONResponse({"items": [question.to_json() for question in questions]}, headers=NOT_KEPT)

    async def show(self, call: Request) -> Response:
        """One question."""
        person = await self.callers.person(call)
        try:
            question = await run_in_threadpool(self.approvals.question, person, call.path_params["incident"])
        except NoSuchIncident as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        return JSONResponse(question.to_json(), headers=NOT_KEPT)

    async def answer(self, call: Request) -> Response:
        """202 when the yes or no is durable; what it comes to is seen at the question."""
        person = await self.callers.person(call)
        answer = _answer(await read_fields(call, LARGEST_BODY, FIELDS, "An answer"))
        try:
            question = await run_in_threadpool(self.approvals.answer, person, call.path_params["incident"], answer)
        except tuple(STATUS) as error:
            raise Problem(STATUS[type(error)], str(error)) from error
        return JSONResponse(question.to_json(), status_code=HTTPStatus.ACCEPTED, headers=NOT_KEPT)


NOT_KEPT = {"Cache-Control": "no-store"}
STATUS = {
    NoSuchIncident: HTTPStatus.NOT_FOUND,
    RefusedOrder: HTTPStatus.CONFLICT,
    WrongCode: HTTPStatus.FORBIDDEN,
    UsedCode: HTTPStatus.FORBIDDEN,
    NoFactor: HTTPStatus.FORBIDDEN,
    LockedFactor: HTTPStatus.TOO_MANY_REQUESTS,
}


def _answer(fields: Mapping[str, object]) -> Answer:
    texts = [text for name in ("digest", "reason", "code") if isinstance(text := fields.get(name, ""), str)]
    yes = fields.get("yes")
    if len(texts) != TEXTS or not isinstance(yes, bool):
        raise Problem(HTTPStatus.BAD_REQUEST, "digest, reason and code are texts, yes is true or false.")
    digest, reason, code = texts
    return Answer(digest, yes, reason, code)
