# SPDX-License-Identifier: GPL-3.0-or-later
"""A dead man's switch that takes beats at one secret address by the letter, and does wrong what a test asks for."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.support.receivers.faults import Fault

if TYPE_CHECKING:
    from typing import Self

    from tests.support.certificates import Pair

SECRET = "5d0c-cafe-beat"  # in path and query, as such services have it
PATH = f"/ping/{SECRET}?key={SECRET}"
STATUSES = {Fault.BROKEN: 500, Fault.BUSY: 429, Fault.UNKNOWN: 404}


class DeadMansSwitch:
    """Use it in a `with` block.

    Attributes:
        beats: How many were taken.
        tries: Every request line that came in, taken or not.
        complaints: What was wrong with requests.
        fault: What to do wrong from now on; None for nothing.
    """

    def __init__(self, tls: Pair | None = None) -> None:
        self.beats = 0
        self.tries: list[str] = []
        self.complaints: list[str] = []
        self.fault: Fault | None = None
        self.over = threading.Event()
        self._tls = tls
        self._port = 0

    @property
    def url(self) -> str:
        """The secret address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}{PATH}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self.over.clear()
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_port
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], switch: DeadMansSwitch) -> None:
        self.switch = switch
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        """Take any method: which one is right is ours to say."""
        self.raw_requestline = self.rfile.readline(65537)
        self.close_connection = True
        if not self.raw_requestline or not self.parse_request():
            return
        self._take(self.server.switch)

    def _take(self, switch: DeadMansSwitch) -> None:
        switch.tries.append(self.requestline)
        match switch.fault:
            case Fault.HANG:
                switch.over.wait(60)
            case Fault.GARBAGE:  # headers that a client can't read, and then complains about with the address
                self.wfile.write(b"HTTP/1.1 500 No\r\nno header at all\r\n: nor this\r\n\r\n")
            case Fault.DRIP:
                self._drip(switch)
            case Fault.CUT:
                self.connection.close()
            case Fault.MOVED:
                self._answer(302, f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            case fault if fault in STATUSES:
                self._answer(STATUSES[fault])
            case _:
                self._judge(switch)

    def _judge(self, switch: DeadMansSwitch) -> None:
        odd = {"Authorization", "Cookie", "Proxy-Authorization", "Content-Length", "Transfer-Encoding"}
        if self.command != "GET" or self.path != PATH or odd & set(self.headers):
            switch.complaints.append(f"{self.requestline} {dict(self.headers)}")
            self._answer(400)
            return
        switch.beats += 1
        self._answer(200)

    def _answer(self, status: int, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def _drip(self, switch: DeadMansSwitch) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 60_000:
            self.wfile.write(bytes([byte]))
            if switch.over.wait(0.05):
                return

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name of the base class)
        """Print nothing."""
