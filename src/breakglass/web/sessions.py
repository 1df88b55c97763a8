# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/requests/{request}/sessions/{host}`: a WebSocket that is a person's terminal on a host, through the runner.

The upgrade carries an identity token of Vault. The first message is a JSON object: `command` (a text, or null for a
shell in a terminal), `terminal`, `columns`, `rows`. Then binary messages are what is typed, and JSON objects
`{"columns": …, "rows": …}` or `{"eof": true}`. Back come binary messages, whose first byte is 1 (output) or 2 (error
output), and JSON objects `{"notice": …}` and, as the last one, `{"ended": …, "status": …, "dropped": […]}`: why, the
exit status, and the session's database users that were dropped.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from breakglass.errors import BreakglassError
from breakglass.requests import NoSuchRequest
from breakglass.sessions import on_host
from breakglass.sessions.doors import NotOfTheGrant, NotOpen
from breakglass.sessions.frames import frame
from breakglass.sessions.session import Wish
from breakglass.web.callers import check_path
from breakglass.web.problems import Problem, problem_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine
    from typing import Any

    from breakglass.sessions.doors import Doors
    from breakglass.sessions.session import Session, Shown
    from breakglass.web.callers import Callers

BEGIN_SECONDS = 15
LONGEST_COMMAND = 65_536
LONGEST_TYPED = 65_536
LARGEST_SIDE = 10_000
LONGEST_TERMINAL = 64
PREFIX = {"out": b"\x01", "error": b"\x02"}
GOING_AWAY, BAD_MESSAGE = 1000, 1003
STATUS = {
    NoSuchRequest: HTTPStatus.NOT_FOUND,
    NotOfTheGrant: HTTPStatus.FORBIDDEN,
    NotOpen: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True)
class SessionPages:
    """The API.

    Attributes:
        callers: Says who calls.
        doors: Opens sessions.
    """

    callers: Callers
    doors: Doors

    async def attach(self, socket: WebSocket) -> None:
        """One session, from the upgrade to its end."""
        request, host = socket.path_params["request"], socket.path_params["host"]
        try:
            check_path(socket)
            person = await self.callers.person(socket)
            await run_in_threadpool(self.doors.check, person, request, host)
        except (Problem, BreakglassError) as error:
            status = (
                error.status if isinstance(error, Problem) else STATUS.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
            )
            await socket.send_denial_response(problem_response(Problem(status, str(error))))
            return
        await socket.accept()
        with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed while we sent
            try:
                wish = await _wish(socket)
                session = await run_in_threadpool(self.doors.open, person, request, host, wish)
            except BreakglassError as error:
                await socket.send_text(json.dumps({"ended": str(error), "status": None, "dropped": []}))
                await socket.close(GOING_AWAY)
                return
            await self._relay(socket, session)

    async def _relay(self, socket: WebSocket, session: Session) -> None:
        loop = self.doors.running.loop

        def there(work: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
            """Await something in the loop where sessions live."""
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

        async def typed() -> None:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if (content := message.get("bytes")) is not None:
                    await there(session.from_person.put(frame(on_host.INPUT, content[:LONGEST_TYPED])))
                elif size := _size(message.get("text") or ""):
                    await there(session.resize(*size))
                elif _is_end(message.get("text") or ""):
                    await there(session.from_person.put(frame(on_host.EOF)))

        async def shown() -> None:
            while await _show(socket, await there(session.to_person.get())):
                pass

        tasks = {asyncio.create_task(typed()), asyncio.create_task(shown())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.call_soon_threadsafe(session.person_is_gone)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RuntimeError):
            await socket.close(GOING_AWAY)


async def _show(socket: WebSocket, shown: Shown) -> bool:
    """Send one thing; whether others follow."""
    if shown.what in PREFIX:
        await socket.send_bytes(PREFIX[shown.what] + shown.content)
    elif shown.what == "notice":
        await socket.send_text(json.dumps({"notice": shown.content.decode()}))
    else:
        last = {"ended": shown.content.decode(), "status": shown.status, "dropped": shown.dropped}
        await socket.send_text(json.dumps(last))
    return shown.what != "ended"


class UnusableWish(BreakglassError):
    """Raised when the first message does not say what is wanted."""


async def _wish(socket: WebSocket) -> Wish:
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            said = json.loads(await socket.receive_text())
        command, terminal = said.get("command"), said.get("terminal", "")
        columns, rows = said.get("columns", 80), said.get("rows", 24)
    except (TimeoutError, ValueError, KeyError, AttributeError):
        raise UnusableWish(
            "The first message must be a JSON object with command, terminal, columns and rows."
        ) from None
    sides = all(type(side) is int and 0 < side < LARGEST_SIDE for side in (columns, rows))
    texts = (command is None or (isinstance(command, str) and "\0" not in command)) and isinstance(terminal, str)
    if not sides or not texts or len(command or "") > LONGEST_COMMAND:
        raise UnusableWish("command is a text or null, terminal a text, columns and rows are whole numbers.")
    plain = "".join(one for one in terminal if one.isascii() and (one.isalnum() or one in "-+._"))
    return Wish(command, plain[:LONGEST_TERMINAL] or "dumb", columns, rows)


def _object(text: str) -> dict[str, object]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _size(text: str) -> tuple[int, int] | None:
    columns, rows = (_object(text).get(name) for name in ("columns", "rows"))
    if isinstance(columns, int) and isinstance(rows, int) and 0 < columns < LARGEST_SIDE and 0 < rows < LARGEST_SIDE:
        return columns, rows
    return None


def _is_end(text: str) -> bool:
    return _object(text).get("eof") is True
