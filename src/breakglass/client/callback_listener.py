# SPDX-License-Identifier: GPL-3.0-or-later
"""The address on this machine to which a browser comes back from a provider: loopback alone, for one login, for some minutes."""

from __future__ import annotations

import errno
import queue
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from breakglass.client.browser_exchange import HEADERS, NOTHING_HERE, Answered, Exchange, Reply, page
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS: Final = {"localhost": ("127.0.0.1", "::1"), "127.0.0.1": ("127.0.0.1",), "::1": ("::1",)}
"""Names of this machine, and where one has to listen for them: a browser may try either for `localhost`."""
NO_SUCH_ADDRESS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
SHOWN_WITHIN_SECONDS: Final = 5.0
READ_SECONDS: Final = 10
LOOK_EVERY_SECONDS: Final = 0.2


class UnusableCallback(BreakglassError):
    """Raised when a browser can't come back to the address that was asked for."""


class NoAnswer(BreakglassError):
    """Raised when nobody has signed in within the time."""


@dataclass(frozen=True)
class Callback:
    """Where the browser comes back to; port 0 is any free one."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, uri: str) -> Callback:
        """Read a redirect URI (RFC 8252, 7.3). Raises UnusableCallback."""
        try:
            parts = urlsplit(uri)
            port = parts.port if parts.port is not None else 80
        except ValueError:
            parts, port = urlsplit(""), 0
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        if parts.scheme != "http" or parts.hostname not in HOSTS or not plain or len(parts.path) < len("/x"):
            raise UnusableCallback(
                "The redirect URI must be an address of this machine alone, with a path: http://localhost:8250/oidc/callback "
                "(or 127.0.0.1, or [::1]; port 0 takes a free one)."
            )
        return cls(str(parts.hostname), port, parts.path)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers write them."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def uri(self) -> str:
        """All of it."""
        return f"{self.origin}{self.path}"


class Listener:
    """Answers browsers of this machine; made by `listening`."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.exchange: Exchange | None = None
        self.answers: queue.SimpleQueue[Answered] = queue.SimpleQueue()
        self._ending: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._shown = threading.Event()
        self._turn = threading.Lock()

    def offer(self, address: str, state: str) -> str:
        """Let one browser sign in at this page of the provider. Returns the link to open, in which nothing of the login stands."""
        self.exchange = Exchange(address, state, self.callback.path)
        return f"{self.callback.origin}{self.exchange.link}"

    def answer(self, seconds: float) -> Answered:
        """What the provider said; the browser waits until `end_with`. Raises NoAnswer."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(queue.Empty):  # short, so that Ctrl-C is heard on every system
                return self.answers.get(timeout=min(left, LOOK_EVERY_SECONDS))
        raise NoAnswer(f"Nobody has signed in within {seconds / 60:g} minutes: log in anew (breakglass login).")

    def end_with(self, sentence: str) -> None:
        """Tell the browser that waits how the login ended, once; waits a little until it has heard."""
        self._ending.put(sentence)
        self._shown.wait(SHOWN_WITHIN_SECONDS)

    def reply(self, host: str, target: str, cookies: str) -> Reply:
        """What the browser gets."""
        if self.exchange is None or f"http://{host}" != self.callback.origin:
            return Reply(HTTPStatus.NOT_FOUND, NOTHING_HERE)
        with self._turn:
            reply = self.exchange.reply(target, cookies)
        if reply.answered is None:
            return reply
        self.answers.put(reply.answered)
        return replace(reply, sentence=self._ending.get())

    def shown(self) -> None:
        """The browser has heard how the login ended."""
        self._shown.set()


@contextmanager
def listening(callback: Callback) -> Iterator[Listener]:
    """Listen in this block. Raises UnusableCallback when the address is taken."""
    listener = Listener(callback)
    servers: list[_Server] = []
    try:
        for address in HOSTS[callback.host]:
            with _unless_absent(address, listener.callback):
                servers.append(_Server(address, listener))
                listener.callback = replace(listener.callback, port=servers[0].server_port)
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(LOOK_EVERY_SECONDS,), daemon=True).start()
        yield listener
    finally:
        for server in servers:
            server.close()


@contextmanager
def _unless_absent(address: str, callback: Callback) -> Iterator[None]:
    """A machine need not have both loopback addresses."""
    try:
        yield
    except OSError as error:
        if ":" in address and error.errno in NO_SUCH_ADDRESS and callback.host == "localhost":
            return
        raise UnusableCallback(
            f"{callback.origin} can't be listened at ({error.strerror}): another program may be using the port. Choose another with "
            "--redirect-uri http://localhost:PORT/oidc/callback, where Vault and the provider allow that."
        ) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, listener: Listener) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = listener
        self._is_served = False
        super().__init__((address, listener.callback.port), _Handler)

    def serve_forever(self, poll_interval: float = LOOK_EVERY_SECONDS) -> None:
        self._is_served = True
        super().serve_forever(poll_interval)

    def close(self) -> None:
        if self._is_served:
            self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is nobody's trouble."""


class _Handler(BaseHTTPRequestHandler):
    timeout = READ_SECONDS
    server: _Server

    def do_GET(self) -> None:
        listener = self.server.listener
        reply = listener.reply(self.headers.get("Host", ""), self.path, self.headers.get("Cookie", ""))
        try:
            self._send(reply)
        finally:
            if reply.answered is not None:
                listener.shown()

    def _send(self, reply: Reply) -> None:
        content = page(reply.sentence).encode()
        self.send_response(reply.status)
        for name, value in {**HEADERS, **reply.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        return "breakglass"

    def log_message(self, *_: object) -> None:
        """Nothing of it is logged: the request line holds the code."""
