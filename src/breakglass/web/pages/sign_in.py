# SPDX-License-Identifier: GPL-3.0-or-later
"""`/sign-in`, `/signed-in`, `/sign-out`: to Vault's page and back, and a session of a quarter of an hour.

What a browser has begun is in a cookie of its own, which is Lax: it must come along when Vault sends the browser back.
The session's own cookie is Strict, so the page after that is opened from a page of ours.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from breakglass.identity import UnknownPerson
from breakglass.signing_in import Begun, FailedSignIn
from breakglass.web.pages.answering import inbox_path, page
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from breakglass.sign_in_records import SignInRecords
    from breakglass.signing_in import SignIn
    from breakglass.web.pages.rendering import Rendering
    from breakglass.web.pages.visitors import Visitors

BEGUN_COOKIE: Final = "__Host-breakglass-sign-in"
BEGUN_SECONDS: Final = 600
INCIDENT: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class SignInPages:
    """The way in, and out.

    Attributes:
        rendering: Makes the pages.
        visitors: Keeps sessions.
        sign_in: Asks Vault.
        records: Says in the journal who came and left.
    """

    rendering: Rendering
    visitors: Visitors
    sign_in: SignIn
    records: SignInRecords

    @page
    async def begin(self, call: Request) -> Response:
        """Send the browser to Vault's page; `incident` is where it comes back to."""
        begun = Begun(secrets.token_urlsafe(32))
        answer = RedirectResponse(
            await run_in_threadpool(self.sign_in.address, begun), status_code=HTTPStatus.SEE_OTHER
        )
        kept = f"{begun.secret}.{_incident(call.query_params.get('incident', ''))}"
        answer.set_cookie(BEGUN_COOKIE, kept, max_age=BEGUN_SECONDS, secure=True, httponly=True, samesite="lax")
        return answer

    @page
    async def signed_in(self, call: Request) -> Response:
        """Vault has sent the browser back: begin a session, and go where it wanted to."""
        secret, _, incident = call.cookies.get(BEGUN_COOKIE, "").partition(".")
        state, code = call.query_params.get("state", ""), call.query_params.get("code", "")
        try:
            person = await run_in_threadpool(self.sign_in.finish, Begun(secret), state, code)
        except (FailedSignIn, UnknownPerson) as error:
            await run_in_threadpool(self.records.refused, str(error), _host(call))
            raise Problem(HTTPStatus.FORBIDDEN, str(error)) from error
        await run_in_threadpool(self.records.accepted, person, _host(call))
        session = await run_in_threadpool(self.visitors.sessions.begin, person.entity)
        answer = self.rendering.page("onward.html", {"onward": inbox_path(_incident(incident))})
        self.visitors.keep(answer, session)
        answer.delete_cookie(BEGUN_COOKIE, secure=True, httponly=True, samesite="lax")
        return answer

    @page
    async def sign_out(self, call: Request) -> Response:
        """End the session here; at Vault it is Vault's own to end."""
        visitor, _ = await self.visitors.form(call)
        await run_in_threadpool(self.visitors.sessions.end, visitor.secret)
        await run_in_threadpool(self.records.ended, visitor.person, _host(call))
        answer = self.rendering.message(
            "Signed out",
            "In this browser Vault may still know you: sign out there, too, if it is not yours.",
            HTTPStatus.OK,
        )
        self.visitors.forget(answer)
        return answer


def _host(call: Request) -> str:
    return call.client.host if call.client else ""


def _incident(said: str) -> str:
    """The id of an incident, or nothing: it becomes part of an address."""
    return said if INCIDENT.fullmatch(said) else ""
