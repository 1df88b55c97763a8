# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict syslog receiver: RFC 5424 messages, octet-counted over TCP or TLS, or one a datagram."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.receivers.faults import Fault, Script
from tests.support.receivers.http_receiver import RESET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tests.support.certificates import Pair

_MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48})"
    rb" ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) \[breakglass@32473((?: [a-z]+=\"(?:[^\"\\\]]|\\[\"\\\]])*\")+)\] (.*)",
    re.DOTALL,
)


class SyslogReceiver:
    """A receiver on the loopback address; use it in a `with` block.

    Attributes:
        kept: Ids of the records that were read, in order; some come twice.
        messages: Everything that was read.
        complaints: What was not syslog.
        script: The faults to come.
    """

    def __init__(self, transport: str, faults: Sequence[Fault] = (), tls: Pair | None = None) -> None:
        self.kept: list[str] = []
        self.messages: list[bytes] = []
        self.complaints: list[str] = []
        self.script = Script(faults)
        self._kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self._tls = tls
        self._over = threading.Event()
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._over = threading.Event()
        self._socket = socket.socket(socket.AF_INET, self._kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._port = self._socket.getsockname()[1]
        self._socket.settimeout(0.05)
        if self._kind == socket.SOCK_STREAM:
            self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse everything from now on; what was kept stays."""
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                if self._kind == socket.SOCK_DGRAM:
                    self._take(self._socket.recv(70_000))
                else:
                    self._converse(self._socket.accept()[0])

    def _converse(self, connection: socket.socket) -> None:
        fault = self.script.next()
        connection.settimeout(10)
        with suppress(OSError), connection:
            if fault is Fault.GARBAGE:
                connection.sendall(b"220 smtp.example.com ESMTP\r\n")
                return
            if self._tls is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._tls.certificate, self._tls.key)
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                self._read(connection, fault)

    def _read(self, connection: socket.socket, fault: Fault | None) -> None:
        if fault is Fault.HANG:
            self._over.wait(3)
            return
        if fault in {Fault.CUT, Fault.PARTLY}:
            connection.recv(100)
            if fault is Fault.CUT:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return  # with unread bytes: the system sends a reset by itself
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        for one in _frames(received):
            self._take(one)
        if fault is Fault.LOST_REPLY:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif isinstance(connection, ssl.SSLSocket):
            with suppress(OSError):
                connection.unwrap()

    def _take(self, message: bytes) -> None:
        self.messages.append(message)
        found = _MESSAGE.fullmatch(message)
        if not found or int(found[1]) > 191:
            self.complaints.append(repr(message[:300]))
            return
        self.kept.append(json.loads(found[8])["id"])


def _frames(received: bytes) -> list[bytes]:
    found = []
    while received:
        length, _, rest = received.partition(b" ")
        if not length.isdigit() or len(rest) < int(length):
            return found
        found.append(rest[: int(length)])
        received = rest[int(length) :]
    return found
