# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in an X.509 certificate (RFC 5280), with the standard library alone: serial number, validity, names. Pure.

Nothing is verified here; OpenSSL does that, in `tls_handshake`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCE, INTEGER, UTC_TIME, GENERALIZED_TIME, OCTETS, OBJECT = 0x30, 0x02, 0x17, 0x18, 0x04, 0x06
VERSION, EXTENSIONS, DNS_NAME = 0xA0, 0xA3, 0x82
ALTERNATIVE_NAMES = bytes((0x55, 0x1D, 0x11))  # 2.5.29.17
LONG_FORM = 0x80
MOST_LENGTH_BYTES = 4
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n?[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----", re.ASCII)


class UnreadableCertificate(Exception):
    """Raised when bytes are no X.509 certificate."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate says.

    Attributes:
        serial: Its number, in hexadecimal.
        begins_at: Since when it is valid (UTC).
        expires_at: Until when (UTC).
        names: The DNS names that it is for, in small letters.
        issues_itself: Whether issuer and subject are one: a root.
    """

    serial: str
    begins_at: datetime
    expires_at: datetime
    names: frozenset[str]
    issues_itself: bool = False

    def is_for(self, name: str) -> bool:
        """Tell whether it is for a name; a star stands for one whole label (RFC 6125)."""
        wanted = name.lower()
        return wanted in self.names or f"*.{wanted.partition('.')[2]}" in self.names


def blocks(pem: str) -> list[str]:
    """Every certificate in a PEM text, in order."""
    return PEM.findall(pem.replace("\r\n", "\n"))


def read(der: bytes) -> Certificate:
    """Read a certificate; raises UnreadableCertificate."""
    try:
        outer = _one(der, SEQUENCE)
        fields = list(_parts(_one(outer, SEQUENCE)))
        if fields[0][0] == VERSION:
            fields = fields[1:]
        number, _algorithm, issuer, validity, subject = (content for _tag, content in fields[:5])
        begins, ends = (_moment(tag, content) for tag, content in _parts(validity))
        extensions = [content for tag, content in fields if tag == EXTENSIONS]
        return Certificate(
            serial=f"{int.from_bytes(number, 'big', signed=True):x}",
            begins_at=begins,
            expires_at=ends,
            names=frozenset(_names(_one(extensions[0], SEQUENCE))) if extensions else frozenset(),
            issues_itself=issuer == subject,
        )
    except (IndexError, ValueError, OverflowError):
        raise UnreadableCertificate("This is no X.509 certificate.") from None


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Every element of a sequence: its tag and content (X.690, definite lengths)."""
    at = 0
    while at < len(content):
        tag, length = content[at], content[at + 1]
        at += 2
        if length & LONG_FORM:
            count = length & ~LONG_FORM
            if not 0 < count <= MOST_LENGTH_BYTES:
                raise ValueError
            length, at = int.from_bytes(content[at : at + count], "big"), at + count
        if at + length > len(content):
            raise ValueError
        yield tag, content[at : at + length]
        at += length


def _one(content: bytes, tag: int) -> bytes:
    """The content of the first element, which must have this tag."""
    found, inner = next(_parts(content), (None, b""))
    if found != tag:
        raise ValueError
    return inner


def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # 50 to 99 are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != GENERALIZED_TIME:
        raise ValueError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _names(extensions: bytes) -> Iterator[str]:
    for _tag, extension in _parts(extensions):
        parts = list(_parts(extension))
        if parts[0] == (OBJECT, ALTERNATIVE_NAMES):
            value = next((content for tag, content in parts if tag == OCTETS), b"")
            for tag, name in _parts(_one(value, SEQUENCE)):
                if tag == DNS_NAME:
                    yield name.decode("ascii").lower()
