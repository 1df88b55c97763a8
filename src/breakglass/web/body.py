# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the body of a request: not more than it may have, not slower than it may be."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

SLOWEST_BODY_SECONDS = 20
LONGEST_LENGTH = 18  # digits of a Content-Length that is a number at all


class CutOff(Problem):
    """Raised when who sends has gone before the end; nobody hears the answer."""


async def read_body(request: Request, most: int, advice: str = "Send less at once.") -> bytes:
    """The body, of at most so many bytes; raises Problem."""
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have {most} bytes. {advice}")
    declared = request.headers.get("content-length", "0")
    countable = declared.isascii() and declared.isdigit() and len(declared) <= LONGEST_LENGTH
    if not countable or int(declared) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except ClientDisconnect:  # nobody hears the answer, but the refusal is recorded
        raise CutOff(HTTPStatus.BAD_REQUEST, "The sender hung up in the middle of the body.") from None
    except TimeoutError:  # 503, because Alertmanager sends again after a 5xx only
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, f"The body did not arrive within {SLOWEST_BODY_SECONDS} s."
        ) from None
    return bytes(body)
