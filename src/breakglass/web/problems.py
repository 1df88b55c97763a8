# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors over HTTP: problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

PROBLEM: Final = "application/problem+json"
A_MOMENT_SECONDS: Final = 5


class ProblemDetails(BaseModel):
    """What is said when something is not done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="about:blank: the status says what kind of problem it is.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status.")
    detail: str = Field(description="What happened, and what to do next: a sentence for people.")


class Problem(Exception):
    """Raised to answer with a problem: a status and a sentence that says what to do.

    Attributes:
        status: Of the answer.
        detail: The sentence.
        retry_after: In seconds, where trying again helps.
    """

    def __init__(self, status: HTTPStatus, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        later = A_MOMENT_SECONDS if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        self.retry_after = later if retry_after is None else retry_after


def problem_details(problem: Problem) -> ProblemDetails:
    """What is said of a problem."""
    status = problem.status
    return ProblemDetails(type="about:blank", title=status.phrase, status=int(status), detail=problem.detail)


def problem_response(problem: Problem) -> JSONResponse:
    """The answer for a problem."""
    status, body = problem.status, problem_details(problem)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return JSONResponse(body.model_dump(), status_code=status, media_type=PROBLEM, headers=headers)
