# SPDX-License-Identifier: GPL-3.0-or-later
"""One record of the journal, and the one line that it is in a stream.

A line is the canonical JSON (RFC 8785) of exactly seven fields. `previous` holds the SHA-256 of the line before, so a
line that changes breaks the line after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256

from .._errors import BreakglassError
from .canonical import MAX_DEPTH, JsonScalar, JsonValue, UnrecordableValue, canonical

__all__ = [
    "GENESIS",
    "MAX_LINE",
    "BrokenRecord",
    "Form",
    "JsonScalar",
    "JsonValue",
    "Record",
    "UnrecordableValue",
    "check_origin",
    "digest",
    "line_of",
    "parse",
    "timestamp",
]

GENESIS: str = "0" * 64
"""What the first record of a stream has in `previous`."""
MAX_LINE = 4 * 1024 * 1024
"""Bytes that a line may have, so that a reader needs bounded memory."""

_FIELDS = frozenset({"at", "body", "id", "kind", "origin", "previous", "seq"})
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}(?:\.[a-z0-9_-]{1,64}){0,7}")
_PREVIOUS = re.compile(r"[0-9a-f]{64}")
_NAME_LIMIT = 500
_TOO_LONG = f"A record can't be written to the journal: it has more than {MAX_LINE} bytes."


class BrokenRecord(BreakglassError):
    """Raised when a line is not a record in its canonical form."""


@dataclass(frozen=True)
class Record:
    """One thing that happened, as it stands in one stream."""

    origin: str
    """The stream that the record belongs to; the same in all its records."""
    seq: int
    """The number of the record's line, from 1."""
    id: str
    """What the record is known by in every sink; unique over all streams."""
    at: str
    """When it was recorded: UTC, RFC 3339, six digits of a second, ends in Z."""
    kind: str
    """What happened, in dotted lower-case words: `task.result`."""
    body: Mapping[str, JsonValue]
    """What is known about it; redacted before it gets here."""
    previous: str
    """Hex SHA-256 of the line before, without its newline; `GENESIS` in the first record."""


def line_of(record: Record) -> bytes:
    """Return the record's line, without a newline.

    Raises:
        UnrecordableValue: a field is not of its shape, or the body has no canonical form, or the line is too long.
    """
    fault = _fault(record)
    if fault is not None:
        raise UnrecordableValue(f"A record can't be written to the journal: {fault}.")
    line = canonical(
        {
            "at": record.at,
            "body": record.body,
            "id": record.id,
            "kind": record.kind,
            "origin": record.origin,
            "previous": record.previous,
            "seq": record.seq,
        }
    )
    if len(line) > MAX_LINE:
        raise UnrecordableValue(_TOO_LONG)
    return line


class Form:
    """What the lines of one stream have in common: `line_of` without a record in between, for who writes before each task."""

    def __init__(self, origin: str) -> None:
        """Prepare for an origin that is one."""
        self._origin = canonical(origin)
        self._room = _NAME_LIMIT - len(origin) - len("#")
        self._kinds: set[str] = set()

    def line(self, seq: int, at: datetime, kind: str, body: Mapping[str, JsonValue], previous: str) -> bytes:
        """Return the line of a record that has no id of its own, byte for byte what `line_of` returns.

        Raises:
            UnrecordableValue: as `line_of` does.
        """
        if kind not in self._kinds:
            if not _has_form(_KIND, kind):
                raise UnrecordableValue(
                    "A record can't be written to the journal: its kind is not made of dotted words."
                )
            self._kinds.add(kind)
        if not isinstance(body, Mapping):
            raise UnrecordableValue("A record can't be written to the journal: its body is not a mapping.")
        number = b"%d" % seq
        if len(number) > self._room:
            raise UnrecordableValue("A record can't be written to the journal: its id is not a printable name.")
        line = b'{"at":"%b","body":%b,"id":%b#%b","kind":"%b","origin":%b,"previous":"%b","seq":%b}' % (
            timestamp(at).encode(),
            canonical(body, MAX_DEPTH - 1),
            self._origin[:-1],
            number,
            kind.encode(),
            self._origin,
            previous.encode(),
            number,
        )
        if len(line) > MAX_LINE:
            raise UnrecordableValue(_TOO_LONG)
        return line


def parse(line: bytes) -> Record:
    """Return the record that a line (without newline) holds.

    Raises:
        BrokenRecord: it is not JSON, has other fields or types than a record, or is not in canonical form.
    """
    if len(line) > MAX_LINE:
        raise BrokenRecord(f"A line is not a record: it has more than {MAX_LINE} bytes.")
    try:
        fields = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise BrokenRecord("A line is not a record: it is not JSON.") from error
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise BrokenRecord("A line is not a record: it has other fields than a record.")
    record = Record(**fields)
    try:
        canonical_line = line_of(record)
    except UnrecordableValue as error:
        raise BrokenRecord("A line is not a record: a field is not of its shape.") from error  # pylint: disable=bad-exception-cause
    if canonical_line != line:
        raise BrokenRecord("A line is not a record: it is not in canonical form (RFC 8785).")
    return record


def digest(line: bytes) -> str:
    """Return the hex SHA-256 of a line without its newline: what the next record has in `previous`."""
    return sha256(line).hexdigest()


def timestamp(moment: datetime) -> str:
    """Return a moment as records write it: UTC, RFC 3339, six digits of a second, ends in Z.

    Raises:
        UnrecordableValue: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise UnrecordableValue("A moment without a time zone can't be written to the journal; pass it in UTC.")
    return (moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)).isoformat(
        timespec="microseconds"
    )[:-6] + "Z"


def check_origin(origin: str) -> None:
    """Refuse a name that can't be a stream's origin, which is a line of its own in a checkpoint.

    Raises:
        UnrecordableValue: the name is empty, longer than 500 characters, or has white space or unprintable characters.
    """
    if not _is_name(origin) or " " in origin:
        raise UnrecordableValue("A stream needs a printable origin without spaces, of at most 500 characters.")


def _fault(record: Record) -> str | None:
    """Say what is wrong with a record, whose fields may come from outside and have any type."""
    if not _is_number(record.seq):
        return "its number is not a whole number from 1"
    if not _is_name(record.origin) or " " in record.origin:
        return "its origin is not a printable name without spaces"
    if not _is_name(record.id):
        return "its id is not a printable name"
    if not _has_form(_KIND, record.kind):
        return "its kind is not made of dotted lower-case words"
    if not _has_form(_PREVIOUS, record.previous):
        return "its link to the record before is not a SHA-256 in hex"
    body: object = record.body
    if not isinstance(body, Mapping):
        return "its body is not a mapping"
    return None if _is_moment(record.at) else "its time is not a moment in UTC"


def _is_number(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= _NAME_LIMIT and name.isprintable()


def _has_form(form: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and form.fullmatch(text) is not None


def _is_moment(at: object) -> bool:
    if not (isinstance(at, str) and _AT.fullmatch(at)):
        return False
    try:
        datetime.fromisoformat(at[:-1])
    except ValueError:
        return False
    return True
