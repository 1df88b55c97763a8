# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict HTTP server that keeps what it is sent, and does wrong what a test asks for."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

from tests.support.receivers.faults import Fault, Script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from tests.support.certificates import Pair

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends a reset


@dataclass(frozen=True)
class Answer:
    """What a dialect answers with, and which records it has kept."""

    status: int
    body: bytes = b""
    kept: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """The protocol above HTTP; refuses with a 4xx what is not exactly it."""

    def answer(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        """Take a request."""
        ...


class HttpReceiver:
    """A server on the loopback address; use it in a `with` block.

    Attributes:
        kept: Ids of the records that were taken, in order; some come twice.
        bodies: Everything that was sent.
        complaints: What was wrong with requests.
        script: The faults to come.
    """

    def __init__(
        self, dialect: Dialect, faults: Sequence[Fault] = (), tls: Pair | None = None, client_ca: Path | None = None
    ) -> None:
        self.kept: list[str] = []
        self.bodies: list[bytes] = []
        self.complaints: list[str] = []
        self.script = Script(faults)
        self.over = threading.Event()
        self._dialect = dialect
        self._tls = tls
        self._client_ca = client_ca
        self._lock = threading.Lock()
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_port
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
            if self._client_ca:
                context.load_verify_locations(self._client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.context = context
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on; what was kept stays."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        """Give a request to the dialect, and keep what it keeps."""
        with self._lock:
            answer = self._dialect.answer(path, headers, body, fault)
            self.bodies.append(body)
            self.kept += answer.kept
            if answer.status == 400:
                self.complaints.append(answer.body.decode())
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    context: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], receiver: HttpReceiver) -> None:
        self.receiver = receiver
        super().__init__(address, _Handler)

    def finish_request(self, request: object, client_address: object) -> None:
        if not isinstance(request, socket.socket):
            raise TypeError
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
        with request:  # what TLS makes of it is another one than the server closes
            _Handler(request, client_address, self)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        fault = receiver.script.next() if not self.path.startswith("/services/collector/ack") else None
        size = int(self.headers["Content-Length"])
        if fault is Fault.CUT:
            self.rfile.read(min(size, 10))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(size)
        if fault in {Fault.BUSY, Fault.BROKEN, Fault.MOVED, Fault.UNKNOWN}:
            self._answer(_refusal(fault))
            return
        if fault is Fault.HANG:
            receiver.over.wait(30)
            self.close_connection = True
            return
        answer = receiver.take(self.path, self.headers, body, fault)
        if fault is Fault.LOST_REPLY:
            self.close_connection = True
        elif fault is Fault.GARBAGE:
            self.wfile.write(b"220 smtp.example.com ESMTP\r\n")
            self.close_connection = True
        elif fault is Fault.DRIP:
            self._drip()
        else:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _drip(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 60_000:
                self.wfile.write(bytes([byte]))
                if self.server.receiver.over.wait(0.05):
                    return

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name of the base class)
        """Print nothing."""


def _refusal(fault: Fault) -> Answer:
    if fault is Fault.BUSY:
        return Answer(429, headers={"Retry-After": "1"})
    if fault is Fault.MOVED:
        return Answer(302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    return Answer(401 if fault is Fault.UNKNOWN else 500)
