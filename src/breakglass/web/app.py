# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side of the runner: webhooks, the API, pages for people, health and numbers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from breakglass.errors import BreakglassError
from breakglass.store.given_answers import GivenAnswers
from breakglass.web.api import PAGES, api_document
from breakglass.web.callers import Callers
from breakglass.web.description import DescriptionPage
from breakglass.web.desk import Desk
from breakglass.web.headers import SecurityHeaders
from breakglass.web.metrics import Metrics
from breakglass.web.once import Once
from breakglass.web.pace import Pace
from breakglass.web.pages.routes import add_pages
from breakglass.web.problems import Problem, problem_response
from breakglass.web.sessions import SessionPages

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from breakglass.runner import Runner


def make_app(
    runner: Runner,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    is_ending: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """The application of one runner; what `lifespan` gives is entered at its start and left at its end.

    `is_ending` tells whether the server stops: then streams that would go on for long end.
    """
    app = Starlette(lifespan=lifespan)
    app.state.is_ending = is_ending
    metrics = Metrics()
    callers = Callers(runner.identity, Pace(lambda what: metrics.held_back.labels(of=what).inc()))
    desk = Desk(callers, Once(GivenAnswers(runner.database, runner.runners.instance)))
    desk.serve(app, [*(pages.of(runner, metrics) for pages in PAGES), DescriptionPage.of(api_document())])
    sessions = SessionPages(callers, runner.doors)
    app.router.add_websocket_route("/api/v1/requests/{request}/sessions/{host}", sessions.attach)
    add_pages(app, runner)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(BreakglassError, _on_trouble)
    app.add_exception_handler(Exception, _on_fault)
    return SecurityHeaders(app, tls=runner.settings.speaks_tls)  # around everything: also around answers to faults


async def _on_problem(_request: Request, error: Exception) -> Response:
    return problem_response(error if isinstance(error, Problem) else _of_ours())


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    answer = problem_response(Problem(status, "There is nothing of this name and method here."))
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)  # Allow goes with a 405 (RFC 9110, 15.5.6)
    return answer


async def _on_trouble(_request: Request, error: Exception) -> Response:
    return problem_response(Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)))


async def _on_fault(_request: Request, _error: Exception) -> Response:
    """Starlette logs the fault itself."""
    return problem_response(_of_ours())


def _of_ours() -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of the runner's own; its log says which. Please report it."
    )
