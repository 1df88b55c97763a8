# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side of the runner: webhooks, the API, pages for people, health and numbers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from breakglass.errors import BreakglassError
from breakglass.offers import Offers
from breakglass.store.senders import Senders
from breakglass.web.approvals import ApprovalPages
from breakglass.web.callers import Callers
from breakglass.web.headers import SecurityHeaders
from breakglass.web.me import MePage
from breakglass.web.metrics import Metrics
from breakglass.web.offers import OfferPages
from breakglass.web.pages.routes import add_pages
from breakglass.web.problems import Problem, problem_response
from breakglass.web.requests import RequestPages
from breakglass.web.reviews import ReviewPages
from breakglass.web.sessions import SessionPages
from breakglass.web.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request

    from breakglass.runner import Runner


def make_app(runner: Runner, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The application of one runner; what `lifespan` gives is entered at its start and left at its end."""
    app = FastAPI(title="breakglass", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    metrics = Metrics()
    settings = runner.settings
    webhooks = Webhooks(
        settings.sources, settings.maximum_body, runner.reception, runner.queue, Senders(runner.database), metrics
    )

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        troubles = await run_in_threadpool(runner.troubles)
        if troubles:
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, " ".join(troubles))
        return JSONResponse({"ready": True})

    async def numbers(_request: Request) -> Response:
        return Response(await run_in_threadpool(metrics.text, runner), media_type=CONTENT_TYPE_LATEST)

    app.add_route("/webhooks/{source}", webhooks.receive, methods=["POST"])
    callers = Callers(runner.identity)
    pages = RequestPages(callers, runner.requests)
    app.add_route("/api/v1/requests", pages.make, methods=["POST"])
    wishes = OfferPages(callers, Offers(runner.in_force, runner.approvals.orders.open_incidents))
    app.add_route("/api/v1/requests", wishes.mine, methods=["GET"])
    app.add_route("/api/v1/offers", wishes.offers, methods=["GET"])
    app.add_route("/api/v1/requests/{request}", pages.show, methods=["GET"])
    app.add_route("/api/v1/requests/{request}", pages.give_back, methods=["DELETE"])
    sessions = SessionPages(callers, runner.doors)
    app.router.add_websocket_route("/api/v1/requests/{request}/sessions/{host}", sessions.attach)
    app.add_route("/api/v1/me", MePage(callers).show, methods=["GET"])
    questions = ApprovalPages(callers, runner.approvals)
    app.add_route("/api/v1/approvals", questions.list, methods=["GET"])
    app.add_route("/api/v1/approvals/{incident}", questions.show, methods=["GET"])
    app.add_route("/api/v1/approvals/{incident}", questions.answer, methods=["POST"])
    reviews = ReviewPages(callers, runner.judging)
    app.add_route("/api/v1/reviews", reviews.list, methods=["GET"])
    app.add_route("/api/v1/reviews/{incident}", reviews.give, methods=["POST"])
    add_pages(app, runner)
    app.add_route("/healthz", healthz)
    app.add_route("/readyz", readyz)
    app.add_route("/metrics", numbers)
    app.add_middleware(SecurityHeaders, tls=settings.speaks_tls)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(BreakglassError, _on_trouble)
    return app


async def _on_problem(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Problem) else HTTPStatus.INTERNAL_SERVER_ERROR
    return problem_response(status, str(error))


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    answer = problem_response(status, "There is nothing of this name and method here.")
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)  # Allow goes with a 405 (RFC 9110, 15.5.6)
    return answer


async def _on_trouble(_request: Request, error: Exception) -> Response:
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
