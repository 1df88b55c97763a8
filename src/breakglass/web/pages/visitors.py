# SPDX-License-Identifier: GPL-3.0-or-later
"""Who looks at a page: the session of their browser, and what Vault says of them now. And that a form is one of ours.

The cookie is `__Host-`: only we can set it, and only over TLS or on this machine; SameSite=Strict: no other site's link
or form takes it along. A form is believed by three signs at once: the cookie, a token made of it, and where it came from.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool

from breakglass.identity import UnknownPerson
from breakglass.store.browser_sessions import LIFE
from breakglass.web.body import read_body
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from breakglass.domain.requests import Person
    from breakglass.identity import Identity
    from breakglass.store.browser_sessions import BrowserSessions

COOKIE: Final = "__Host-breakglass"
LARGEST_FORM: Final = 8192
MOST_FIELDS: Final = 10
FORM_TYPE: Final = "application/x-www-form-urlencoded"


class NotSignedIn(Problem):
    """Raised when nobody is signed in in this browser (any more)."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, detail)


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        person: Who, as Vault knows them now.
        secret: Of the session.
    """

    person: Person
    secret: str = field(repr=False)

    @property
    def token(self) -> str:
        """What a form of ours for this session carries, and nobody else can know."""
        return hmac.digest(self.secret.encode(errors="replace"), b"form", "sha256").hex()


@dataclass(frozen=True)
class Visitors:
    """Tells who looks.

    Attributes:
        identity: Says who people are.
        sessions: Of browsers.
        origin: Scheme, host and port of the runner's own address (RFC 6454).
    """

    identity: Identity
    sessions: BrowserSessions
    origin: str

    async def visitor(self, call: Request) -> Visitor:
        """Who it is. Raises NotSignedIn, BreakglassError."""
        secret = call.cookies.get(COOKIE, "")
        entity = await run_in_threadpool(self.sessions.entity, secret) if secret else ""
        if not entity:
            over = "Your sign-in is over: it lasts a quarter of an hour. Sign in again." if secret else ""
            raise NotSignedIn(over)
        try:
            return Visitor(await run_in_threadpool(self.identity.now, entity), secret)
        except UnknownPerson as error:
            raise NotSignedIn(str(error)) from error

    async def form(self, call: Request) -> tuple[Visitor, Mapping[str, str]]:
        """Who sends a form of ours, and what is in it. Raises Problem, BreakglassError; then nothing was done."""
        self._check_where_from(call)
        visitor = await self.visitor(call)
        fields = _fields(call.headers.get("content-type", ""), await read_body(call, LARGEST_FORM))
        if not hmac.compare_digest(fields.get("token", "").encode(errors="replace"), visitor.token.encode()):
            raise Problem(
                HTTPStatus.FORBIDDEN, "This form is of an earlier sign-in. Nothing was sent; open the page again."
            )
        return visitor, fields

    def keep(self, answer: Response, secret: str) -> None:
        """Have the browser keep its session."""
        answer.set_cookie(
            COOKIE, secret, max_age=int(LIFE.total_seconds()), secure=True, httponly=True, samesite="strict"
        )

    def forget(self, answer: Response) -> None:
        """Have the browser forget it."""
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")

    def _check_where_from(self, call: Request) -> None:
        """Fetch Metadata where the browser sends it, and the Origin header; each that is there must be ours, and one must be."""
        site, origin = call.headers.get("sec-fetch-site"), call.headers.get("origin")
        ours = [said == wanted for said, wanted in ((site, "same-origin"), (origin, self.origin)) if said is not None]
        if not ours or not all(ours):
            raise Problem(HTTPStatus.FORBIDDEN, "This form does not come from a page of ours. Nothing was sent.")


def origin_of(address: str) -> str:
    """Scheme, host and port, as a browser writes them into `Origin`."""
    parts = urlsplit(address)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _fields(content_type: str, body: bytes) -> Mapping[str, str]:
    unreadable = Problem(HTTPStatus.BAD_REQUEST, "This is not a form of ours. Nothing was sent.")
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise unreadable
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise unreadable from None
    if len(dict(pairs)) != len(pairs):
        raise unreadable
    return dict(pairs)
