# SPDX-License-Identifier: GPL-3.0-or-later
"""What every answer tells a browser: run nothing, show it in nobody's frame, keep nothing, come back by TLS only.

No header of CORS is ever sent: scripts of other sites read nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders

from breakglass.web.pages.rendering import CONTENT_POLICY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers send `Origin: null` with our own forms (Fetch, "append a request Origin header").
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
STARTS: Final = ("http.response.start", "websocket.http.response.start")
WITH_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}


@dataclass(frozen=True)
class SecurityHeaders:
    """Puts them on every answer of an application.

    Attributes:
        app: The application.
        tls: Whether it is reached by TLS.
    """

    app: ASGIApp
    tls: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        headers = headers_for(tls=self.tls)

        async def with_headers(message: Message) -> None:
            if message["type"] in STARTS:
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self.app(scope, receive, with_headers)


def headers_for(*, tls: bool) -> dict[str, str]:
    """The headers of every answer; `tls` is whether it is reached by TLS."""
    return {**ALWAYS, **(WITH_TLS if tls else {})}
