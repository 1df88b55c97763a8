# SPDX-License-Identifier: GPL-3.0-or-later
"""What every page has in common: troubles become pages that say what to do, and who is not signed in is asked to."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from breakglass.errors import BreakglassError
from breakglass.web.pages.visitors import COOKIE, NotSignedIn
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from breakglass.web.pages.rendering import Rendering

NOT_DONE = "That did not work"
TROUBLE = "breakglass can't do that now"


class Pages(Protocol):
    """Some pages; `rendering` makes them."""

    @property
    def rendering(self) -> Rendering:
        """Makes the pages."""
        ...


SomePages = TypeVar("SomePages", bound=Pages)


def page(
    handler: Callable[[SomePages, Request], Awaitable[Response]],
) -> Callable[[SomePages, Request], Awaitable[Response]]:
    """Have a handler's problems answered as pages."""

    @functools.wraps(handler)
    async def answered(pages: SomePages, call: Request) -> Response:
        try:
            return await handler(pages, call)
        except NotSignedIn as error:
            return _sign_in_first(pages.rendering, call, error.detail)
        except Problem as error:
            return pages.rendering.message(NOT_DONE, error.detail, error.status)
        except BreakglassError as error:
            return pages.rendering.message(TROUBLE, str(error), HTTPStatus.SERVICE_UNAVAILABLE)

    return answered


def inbox_path(incident: str = "") -> str:
    """Where a question stands, below the runner's address; without an incident, where all of them do."""
    return f"/approvals/{quote(incident, safe='')}" if incident else "/approvals"


def _sign_in_first(rendering: Rendering, call: Request, why: str) -> Response:
    """Ask to sign in; whoever came by a link of another site is first sent here once more, since no cookie came along."""
    if call.method == "GET" and call.headers.get("sec-fetch-site") == "cross-site" and COOKIE not in call.cookies:
        return rendering.page("onward.html", {"onward": inbox_path(call.path_params.get("incident", ""))})
    values = {"why": why, "incident": call.path_params.get("incident", "")}
    answer = rendering.page("sign_in.html", values, HTTPStatus.UNAUTHORIZED)
    answer.headers["WWW-Authenticate"] = "Cookie"
    return answer
