# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a PostgreSQL lets a user in, with the standard library alone: the protocol's start and nothing after it.

https://www.postgresql.org/docs/current/protocol-flow.html; SCRAM-SHA-256 is RFC 7677. A password that would go over the
network as it is, or as MD5, is sent to the loopback address only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
import struct
from dataclasses import dataclass

PROTOCOL, TLS_REQUEST = 196_608, 80_877_103
LARGEST_MESSAGE = 64 * 1024
OF_LENGTH = 4
"""Bytes that say the length, which counts them too."""
OK, CLEARTEXT, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 3, 5, 10, 11, 12
REFUSALS = frozenset({"28P01", "28000"})
"""Invalid password, and invalid authorization: errors of class 28."""


class NoVerdict(Exception):
    """Raised when nobody can say whether a login is accepted; its text says why, and holds no secret."""


@dataclass(frozen=True)
class Login:
    """Who comes in, and where.

    Attributes:
        address: The server's.
        port: The server's.
        user: The role.
        database: What is connected to.
    """

    address: str
    port: int
    user: str
    database: str


def is_accepted(login: Login, password: str, timeout: float) -> bool:
    """Log in and out again; raises NoVerdict."""
    try:
        with socket.create_connection((login.address, login.port), timeout) as plain, _secured(plain) as connection:
            return _log_in(connection, login, password)
    except (OSError, struct.error, ValueError, IndexError, KeyError) as error:
        said = getattr(error, "strerror", None) or "it does not speak PostgreSQL's protocol"
        raise NoVerdict(f"{login.address}:{login.port} gives no verdict ({said})") from None


def _secured(plain: socket.socket) -> socket.socket:
    """With TLS where the server has it. It proves itself by SCRAM, not by its certificate."""
    plain.sendall(struct.pack("!ii", 8, TLS_REQUEST))
    if plain.recv(1) != b"S":
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _log_in(connection: socket.socket, login: Login, password: str) -> bool:
    words = b"".join(f"{word}\0".encode() for word in ("user", login.user, "database", login.database)) + b"\0"
    connection.sendall(struct.pack("!ii", len(words) + 8, PROTOCOL) + words)
    scram = _Scram(password)
    proven = True
    while True:
        kind, content = _message(connection)
        if kind == b"E":
            code = _error(content)
            if code in REFUSALS:
                return False
            raise NoVerdict(f"{login.address}:{login.port} gives no verdict (SQLSTATE {code})")
        if kind == b"Z":
            if not proven:
                raise NoVerdict(f"{login.address}:{login.port} did not prove that it knows the password")
            connection.sendall(b"X\0\0\0\4")
            return True
        if kind == b"R":
            request, rest = struct.unpack("!i", content[:4])[0], content[4:]
            if request in (CLEARTEXT, MD5) and not ipaddress.ip_address(login.address).is_loopback:
                raise NoVerdict(
                    f"{login.address}:{login.port} wants the password in a form that could be read on its way"
                )
            if request == CLEARTEXT:
                _send(connection, password.encode() + b"\0")
            elif request == MD5:
                inner = hashlib.md5((password + login.user).encode()).hexdigest()  # noqa: S324 (the protocol's)
                _send(connection, b"md5" + hashlib.md5(inner.encode() + rest[:4]).hexdigest().encode() + b"\0")  # noqa: S324
            elif request == SASL:
                proven = False
                first = scram.first()
                _send(connection, b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            elif request == SASL_CONTINUE:
                _send(connection, scram.final(rest))
            elif request == SASL_FINAL:
                proven = scram.is_proven_by(rest)
            elif request != OK:
                raise NoVerdict(f"{login.address}:{login.port} wants a login that is none with a password")


class _Scram:
    """SCRAM-SHA-256 without channel binding, the client's side."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = secrets.token_urlsafe(18)
        self._signature = b""

    def first(self) -> bytes:
        return f"n,,n=,r={self._nonce}".encode()

    def final(self, server_first: bytes) -> bytes:
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        if not fields["r"].startswith(self._nonce):
            raise ValueError
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(fields["s"]), int(fields["i"]))
        bare = f"c=biws,r={fields['r']}".encode()
        message = b",".join((f"n=,r={self._nonce}".encode(), server_first, bare))
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), message)
        self._signature = _hmac(_hmac(salted, b"Server Key"), message)
        proof = (int.from_bytes(key, "big") ^ int.from_bytes(signature, "big")).to_bytes(len(key), "big")
        return bare + b",p=" + base64.b64encode(proof)

    def is_proven_by(self, server_final: bytes) -> bool:
        return hmac.compare_digest(server_final, b"v=" + base64.b64encode(self._signature))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _send(connection: socket.socket, content: bytes) -> None:
    connection.sendall(b"p" + struct.pack("!i", len(content) + 4) + content)


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", _exactly(connection, 5))
    if not OF_LENGTH <= length <= LARGEST_MESSAGE:
        raise ValueError
    return kind, _exactly(connection, length - OF_LENGTH)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ValueError
        found += part
    return found


def _error(content: bytes) -> str:
    fields = {part[:1]: part[1:] for part in content.split(b"\0") if part}
    return fields.get(b"C", b"unknown").decode("ascii", "replace")[:5]
