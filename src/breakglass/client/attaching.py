# SPDX-License-Identifier: GPL-3.0-or-later
"""A session on a host through the runner: this terminal at one end of a WebSocket."""

from __future__ import annotations

import json
import os
import select
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (
    RefusedByRunner,
    UnreachableRunner,
    identity_token,
    plain,
    untrusted,
)
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from breakglass.client.requesting import PATH

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi
    from websockets.sync.client import ClientConnection

    from breakglass.client.terminal import Terminal

CHUNK: Final = 16_384
OPEN_SECONDS: Final = 30
LARGEST_MESSAGE: Final = 1 << 20
OUTPUT, ERROR_OUTPUT = 1, 2


@dataclass(frozen=True)
class Over:
    """How a session ended.

    Attributes:
        why: What the runner says of it.
        status: Exit status of the shell or command; None when it did not end by itself.
        dropped: Names of the database users that it had, and that are gone.
    """

    why: str
    status: int | None
    dropped: tuple[str, ...] = ()


def attach(api: RunnerApi, request: str, host: str, command: str | None, terminal: Terminal) -> Over:
    """Be on the host until it is over.

    Raises:
        RefusedByRunner: It does not open the session, and why.
        UnreachableRunner: It can't be asked, its certificate is not trusted, or the line broke.
    """
    url = f"{api.url.rstrip('/')}{PATH}/{quote(request, safe='')}/sessions/{quote(host, safe='')}"
    secure = url.startswith("https")
    try:
        socket = connect(
            url.replace("http", "ws", 1),
            additional_headers={"Authorization": f"Bearer {identity_token(api.client)}"},
            ssl=ssl.create_default_context(cafile=api.ca_cert or None) if secure else None,
            proxy=None,
            compression=None,
            max_size=LARGEST_MESSAGE,
            open_timeout=OPEN_SECONDS,
        )
    except InvalidStatus as error:
        raise RefusedByRunner(_refusal(api.url, error), error.response.status_code) from None
    except (OSError, InvalidHandshake) as error:
        closed = UnreachableRunner(f"The runner at {api.url} opens no session ({type(error).__name__}).")
        raise untrusted(api.url, error) or closed from None
    with socket, terminal.raw(wanted=command is None):
        columns, rows = terminal.size()
        begin = {"command": command, "terminal": terminal.kind, "columns": columns, "rows": rows}
        with suppress(ConnectionClosed):
            socket.send(json.dumps(begin))
            threading.Thread(target=_type, args=(socket, terminal), daemon=True).start()
            return _show(socket, terminal)
    raise UnreachableRunner(
        "The line to the runner broke. The session on the host ends with it, and all that it had started."
    )


def _show(socket: ClientConnection, terminal: Terminal) -> Over:
    """Show what comes until the last word. Raises ConnectionClosed."""
    while True:
        message = socket.recv()
        if isinstance(message, bytes):
            terminal.show(message[1:], error=message[:1] == bytes([ERROR_OUTPUT]))
            continue
        said = json.loads(message)
        if "notice" in said:
            terminal.notice(plain(said["notice"]))
        else:
            status, dropped = said.get("status"), said.get("dropped")
            users = tuple(map(plain, dropped)) if isinstance(dropped, list) else ()
            return Over(plain(said.get("ended", "")), status if type(status) is int else None, users)


def _type(socket: ClientConnection, terminal: Terminal) -> None:
    """Send what is typed, and the terminal's size when it changes, until there is no more."""
    with suppress(ConnectionClosed, OSError):
        while True:
            ready, _, _ = select.select([terminal.input, terminal.resized], [], [])
            if terminal.resized in ready:
                os.read(terminal.resized, CHUNK)
                columns, rows = terminal.size()
                socket.send(json.dumps({"columns": columns, "rows": rows}))
            if terminal.input in ready:
                typed = os.read(terminal.input, CHUNK)
                socket.send(typed or json.dumps({"eof": True}))
                if not typed:
                    return


def _refusal(url: str, error: InvalidStatus) -> str:
    try:
        said = json.loads(error.response.body or b"{}").get("detail")
    except (ValueError, AttributeError):
        said = None
    return f"The runner at {url} says no: {plain(said or error.response.status_code)}"
