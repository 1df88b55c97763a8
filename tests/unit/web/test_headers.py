# SPDX-License-Identifier: GPL-3.0-or-later
"""What every answer tells a browser, put on whatever the application says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse

from breakglass.web.headers import ALWAYS, SecurityHeaders

if TYPE_CHECKING:
    from starlette.types import Message


def headers_of(*, tls: bool) -> dict[str, str]:
    """Of an answer that says of itself that it may be kept."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    app = SecurityHeaders(PlainTextResponse("x", headers={"Cache-Control": "public"}), tls=tls)
    asyncio.run(app({"type": "http", "method": "GET", "headers": []}, receive, send))
    names = [name.decode().lower() for name, _ in told[0]["headers"]]
    assert len(set(names)) == len(names)
    return {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}


@pytest.mark.parametrize("tls", [True, False])
def test_every_answer_has_them(tls: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """Each once, whatever the application said before."""
    headers = headers_of(tls=tls)
    assert {name.lower(): value for name, value in ALWAYS.items()}.items() <= headers.items()


def test_a_browser_comes_back_by_tls_alone_where_there_is_tls() -> None:
    """Without it, the promise would be one that we can't keep (RFC 6797, 7.2)."""
    assert headers_of(tls=True)["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" not in headers_of(tls=False)
