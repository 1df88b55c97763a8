# SPDX-License-Identifier: GPL-3.0-or-later
"""A record as a syslog message of RFC 5424, and its frame of RFC 5425 and 6587 (octet counting). Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..parcel import Parcel

FACILITIES = ("user", "daemon", "auth", "authpriv", "audit", *(f"local{number}" for number in range(8)))
_NUMBERS = {"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13, **{f"local{n}": 16 + n for n in range(8)}}
_NOTICE = 5
_ENTERPRISE = "32473"  # RFC 5612: the number for examples; we have none of our own
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_ESCAPED = re.compile(r'(["\\\]])')


def message(parcel: Parcel, facility: str, host: str) -> bytes:
    """Return the message: the record's id, stream and number as structured data, the record itself as JSON in ASCII.

    MSGID is the kind, at most 32 characters of it.
    """
    record = parcel.record
    priority = _NUMBERS[facility] * 8 + _NOTICE
    pairs = {"id": record.id, "stream": record.origin, "seq": str(record.seq)}
    data = " ".join(f'{name}="{_value(value)}"' for name, value in pairs.items())
    text = json.dumps(json.loads(parcel.line), separators=(",", ":"))
    header = f"<{priority}>1 {record.at} {_name(host, 255)} breakglass - {_name(record.kind, 32)}"
    return f"{header} [breakglass@{_ENTERPRISE} {data}] {text}".encode()


def octet_counted(one: bytes) -> bytes:
    """Return the frame of a message on a stream: its length, a space, itself."""
    return f"{len(one)} ".encode() + one


def _value(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


def _name(text: str, most: int) -> str:
    return _UNPRINTABLE.sub("_", text)[:most] or "-"
