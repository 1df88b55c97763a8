# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors over HTTP: problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse


class Problem(Exception):
    """Raised to answer with a problem: a status and a sentence that says what to do."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem_response(status: HTTPStatus, detail: str) -> JSONResponse:
    """The answer for a problem."""
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)
