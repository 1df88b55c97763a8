# SPDX-License-Identifier: GPL-3.0-or-later
"""Syslog (RFC 5424) over TLS (RFC 5425), TCP (RFC 6587, octet counting) or UDP (RFC 5426).

Syslog has no acknowledgement. Over TCP and TLS each batch has a connection of its own: when all is written we close our
side, and wait until the receiver closes its own. It does so after it has read everything: a system that still has unread
bytes when a program closes (or dies) sends a reset instead. What was read may still be lost in the receiver's memory.
Over UDP nothing is known but that this machine has sent it; a refusal (ICMP) is listened for, for a moment after each batch.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..options import is_this_machine
from ._rfc5424 import FACILITIES, message, octet_counted
from ._sink import RefusedRecords, Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..options import Options
    from ..parcel import Parcel

_LARGEST_DATAGRAM = 65_507
_REFUSAL_MILLISECONDS = 50
_PORTS = {"tls": 6514, "tcp": 601, "udp": 514}


@dataclass(frozen=True)
class SyslogSink:
    """Sends messages to one receiver."""

    transport: str
    host: str
    port: int
    facility: str
    largest: int
    timeout_seconds: float
    ca_cert: Path | None
    client_cert: Path | None
    client_key: Path | None
    most: int

    @property
    def is_remote(self) -> bool:
        """Whether another machine acknowledges; over UDP nobody does."""
        return self.transport != "udp" and not is_this_machine(self.host)

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Send the records; raises Unacknowledged or RefusedRecords."""
        messages = [message(parcel, self.facility, socket.gethostname()) for parcel in parcels]
        if max(map(len, messages)) > self.largest:
            raise RefusedRecords(f"A syslog message has more than {self.largest} bytes (option largest_message).")
        try:
            if self.transport == "udp":
                self._send_datagrams(messages)
            else:
                self._send_stream(b"".join(map(octet_counted, messages)))
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror or type(error).__name__
            raise Unacknowledged(f"The syslog receiver {self.host}:{self.port} did not take it: {why}.") from None
        return len(parcels)

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        family, kind, protocol, _name, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.settimeout(self.timeout_seconds)
            datagrams.connect(address)  # so that a refusal (ICMP) comes back to us
            for one in messages:
                datagrams.send(one)
            _heed_refusal(datagrams)

    def _send_stream(self, frames: bytes) -> None:
        deadline = time.monotonic() + self.timeout_seconds
        plain = socket.create_connection((self.host, self.port), self.timeout_seconds)
        with plain if self.transport == "tcp" else self._encrypted(plain) as connection:
            connection.sendall(frames)  # the time-out of a socket holds for the whole of it
            _await_close(connection, deadline)

    def _encrypted(self, plain: socket.socket) -> ssl.SSLSocket:
        try:
            context = ssl.create_default_context(cafile=str(self.ca_cert) if self.ca_cert else None)
            if self.client_cert is not None:
                context.load_cert_chain(self.client_cert, self.client_key)
            return context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise


def _heed_refusal(datagrams: socket.socket) -> None:
    """Raise OSError when what was sent is refused within a moment; the system reports it after the send, if at all."""
    late = select.poll()
    late.register(datagrams, 0)  # errors are always reported
    if late.poll(_REFUSAL_MILLISECONDS) and (number := datagrams.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
        raise OSError(number, os.strerror(number))


def _await_close(connection: socket.socket, deadline: float) -> None:
    """Close our side and read until the receiver closes its own; raises OSError when it resets or takes too long."""
    ending = connection
    if isinstance(connection, ssl.SSLSocket):
        ending = connection.unwrap()  # a receiver that closes without the farewell of TLS may not have read everything
    with suppress(OSError):
        socket.socket.shutdown(ending, socket.SHUT_WR)
    while (left := deadline - time.monotonic()) > 0:
        ending.settimeout(left)
        if not socket.socket.recv(ending, 4096):
            return
    raise TimeoutError("the receiver does not close the connection")


def make(options: Options) -> SyslogSink:
    """Take transport, address, facility, largest_message, timeout, ca_cert, client_cert, client_key, batch."""
    transport = options.choice("transport", tuple(_PORTS), "tls")
    host, port = options.address("address", _PORTS[transport])
    if transport != "tls" and not options.flag("clear_text", "false"):
        options.refuse_clear_text("transport", host)
    sink = SyslogSink(
        transport=transport,
        host=host,
        port=port,
        facility=options.choice("facility", FACILITIES, "audit"),
        largest=options.count("largest_message", 8192 if transport == "udp" else 65_536, 8 * 1024 * 1024),
        timeout_seconds=options.seconds("timeout", "30s"),
        ca_cert=options.file("ca_cert"),
        client_cert=options.file("client_cert"),
        client_key=options.file("client_key"),
        most=options.count("batch", 500, 10_000),
    )
    if transport == "udp" and sink.largest > _LARGEST_DATAGRAM:
        raise options.wrong("largest_message", f"A datagram has at most {_LARGEST_DATAGRAM} bytes.")
    if (sink.client_cert is None) != (sink.client_key is None):
        raise options.wrong("client_cert", "Give both client_cert and client_key.")
    return sink
