# SPDX-License-Identifier: GPL-3.0-or-later
"""A real receiver of notifications on the loopback: what Apprise sends to its `json://` address is kept and shown.

Source of the format: Apprise, "JSON" (`version`, `title`, `message`, `type`, `attachments`).
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LOOPBACK: Final = "127.0.0.1"
_LARGEST: Final = 1 << 20  # bytes of one message


class MissingMessage(BreakglassError):
    """Raised when a message that was waited for did not come."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notification.

    Attributes:
        title: its subject line, may be empty.
        text: its body.
        kind: Apprise's type: info, success, warning or failure.
    """

    title: str
    text: str
    kind: str


class Channel:
    """Receives from its creation to `close`: `with Channel() as channel: ... channel.wait_for(...)`."""

    def __init__(self) -> None:
        """Listen on a free port of the loopback."""
        self._messages: list[Message] = []
        self._arrival = threading.Condition()
        handler = type("Receiver", (_Receiver,), {"keep": staticmethod(self._keep)})
        self._server = ThreadingHTTPServer((_LOOPBACK, 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="channel", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address to give to Apprise."""
        return f"json://{_LOOPBACK}:{self._server.server_address[1]}/"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What has arrived so far, oldest first."""
        with self._arrival:
            return tuple(self._messages)

    def wait_for(self, is_wanted: Callable[[Message], bool], seconds: float) -> Message:
        """The first message that is wanted, arrived already or still to come.

        Raises:
            MissingMessage: none came within the time.
        """
        with self._arrival:
            found = self._arrival.wait_for(lambda: next(filter(is_wanted, self._messages), None), seconds)
            if found is None:
                count = len(self._messages)
                raise MissingMessage(f"No such message reached {self.url} within {seconds:g} s; {count} others did.")
            return found

    def close(self) -> None:
        """Stop listening; what arrived stays readable."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """It listens already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _keep(self, message: Message) -> None:
        with self._arrival:
            self._messages.append(message)
            self._arrival.notify_all()


class _Receiver(BaseHTTPRequestHandler):
    keep: Callable[[Message], None]

    def do_POST(self) -> None:
        message = self._read()
        if message is not None:
            self.keep(message)
        self.send_response(HTTPStatus.BAD_REQUEST if message is None else HTTPStatus.NO_CONTENT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
        """Keep quiet: the messages are the record."""

    def _read(self) -> Message | None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal() or int(length) > _LARGEST:
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        if not isinstance(body, dict):
            return None
        return Message(str(body.get("title", "")), str(body.get("message", "")), str(body.get("type", "")))
