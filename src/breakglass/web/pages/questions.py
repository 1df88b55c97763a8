# SPDX-License-Identifier: GPL-3.0-or-later
"""`/approvals`: what waits for whoever looks, one question with the lines of the terminal, and the answer to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from breakglass.approvals import Answer
from breakglass.domain.permissions import may_acknowledge
from breakglass.domain.question import headline
from breakglass.store.orders import NoSuchIncident, RefusedOrder
from breakglass.web.approvals import STATUS
from breakglass.web.pages.answering import inbox_path, page
from breakglass.web.pages.standing import grouped, shown_lines, standing, to_acknowledge
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from breakglass.approvals import Approvals, Question
    from breakglass.domain.incident import Incident
    from breakglass.web.pages.rendering import Rendering
    from breakglass.web.pages.visitors import Visitor, Visitors

TAKEN_IN_WITHIN_SECONDS: Final = 4.0
LOOK_EVERY_SECONDS: Final = 0.2
ANSWERS: Final = {"approve": True, "deny": False}


@dataclass(frozen=True)
class QuestionPages:
    """The pages.

    Attributes:
        rendering: Makes them.
        visitors: Says who looks.
        approvals: The questions.
    """

    rendering: Rendering
    visitors: Visitors
    approvals: Approvals

    @page
    async def inbox(self, call: Request) -> Response:
        """Everything that waits for this person, or that people were called for."""
        visitor = await self.visitors.visitor(call)
        questions = await run_in_threadpool(self.approvals.inbox, visitor.person)
        now = datetime.now(UTC)
        items = [
            {
                "incident": question.incident.id,
                "headline": headline(question.incident),
                "standing": standing(question, visitor.person, now),
            }
            for question in questions
        ]
        return self.rendering.page("inbox.html", {"visitor": visitor, "items": items})

    @page
    async def question(self, call: Request) -> Response:
        """One question."""
        visitor = await self.visitors.visitor(call)
        return self._shown(visitor, await self._find(call, visitor))

    @page
    async def answer(self, call: Request) -> Response:
        """Take a yes or no, wait until it is counted, and show how the question stands then."""
        visitor, fields = await self.visitors.form(call)
        incident = call.path_params["incident"]
        answer = _answer(fields)
        try:
            before = await run_in_threadpool(self.approvals.answer, visitor.person, incident, answer)
        except tuple(STATUS) as error:
            question = await self._find(call, visitor)
            said = {"problem": str(error), "reason": answer.reason}
            return self._shown(visitor, question, said, STATUS[type(error)])
        return await self._after(visitor, before.incident)

    @page
    async def acknowledge(self, call: Request) -> Response:
        """Whoever looks has heard, so nobody further is called."""
        visitor, _ = await self.visitors.form(call)
        incident = call.path_params["incident"]
        try:
            before = await run_in_threadpool(self.approvals.acknowledge, visitor.person, incident)
        except (NoSuchIncident, RefusedOrder) as error:
            raise Problem(STATUS[type(error)], str(error)) from error
        return await self._after(visitor, before)

    async def _find(self, call: Request, visitor: Visitor) -> Question:
        try:
            return await run_in_threadpool(self.approvals.question, visitor.person, call.path_params["incident"])
        except NoSuchIncident as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error

    async def _after(self, visitor: Visitor, before: Incident) -> Response:
        """Back to the question once what was said has been taken in; if that lasts, say so instead."""
        for _ in range(int(TAKEN_IN_WITHIN_SECONDS / LOOK_EVERY_SECONDS)):
            now = await run_in_threadpool(self.approvals.question, visitor.person, before.id)
            if _moved(before, now.incident):
                to = self.rendering.base + inbox_path(before.id)
                return RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return self.rendering.page("stored.html", {"visitor": visitor, "incident": before.id}, HTTPStatus.ACCEPTED)

    def _shown(
        self,
        visitor: Visitor,
        question: Question,
        said: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        incident = question.incident
        values = {
            "visitor": visitor,
            "incident": incident.id,
            "headline": headline(incident),
            "standing": standing(question, visitor.person, datetime.now(UTC)),
            "lines": grouped(shown_lines(question)),
            "digest": incident.course.plan.digest if incident.course.plan else "",
            "preview": incident.previewed.digest if incident.previewed else "",
            "may_approve": not question.why_not,
            "may_deny": not question.why_no_no,
            "to_acknowledge": to_acknowledge(incident)
            and may_acknowledge(visitor.person, incident, self.approvals.groups()),
            "problem": "",
            "reason": "",
            **(said or {}),
        }
        return self.rendering.page("question.html", values, status)


def _answer(fields: Mapping[str, str]) -> Answer:
    said = fields.get("answer", "")
    if said not in ANSWERS:
        raise Problem(HTTPStatus.BAD_REQUEST, "Neither yes nor no was said. Nothing was sent.")
    code = fields.get("code", "").replace(" ", "")  # authenticators show it in groups
    return Answer(fields.get("digest", ""), ANSWERS[said], fields.get("reason", ""), code, fields.get("preview", ""))


def _moved(before: Incident, now: Incident) -> bool:
    """Whether something was taken in since."""
    return (before.state, before.votes, before.escalation) != (now.state, now.votes, now.escalation)
