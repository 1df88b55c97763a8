# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a session as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/). Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.errors import BreakglassError
from breakglass.sessions.recording import OPENED, OUTPUT, RESIZED, TOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record


VERSION = 2


class NoCast(BreakglassError):
    """Raised when what should be a recording is none."""


@dataclass(frozen=True)
class Piece:
    """Something that a terminal showed, or its new size.

    Attributes:
        seconds: Since the beginning.
        code: `o` for output, `r` for a size as `100x30`.
        text: What.
    """

    seconds: float
    code: str
    text: str


def pieces(records: Iterable[Record]) -> Iterator[Piece]:
    """What a session's records show, in order."""
    for record in records:
        body = record.body
        seconds = body.get("seconds")
        at = float(seconds) if isinstance(seconds, (int, float)) else 0.0
        if record.kind == OUTPUT:
            yield Piece(at, "o", _text(body))
        elif record.kind == TOLD:
            yield Piece(at, "o", f"\r\n{_text(body)}\r\n")
        elif record.kind == RESIZED:
            yield Piece(at, "r", f"{_whole(body, 'columns', 80)}x{_whole(body, 'rows', 24)}")


def cast(records: Iterable[Record], verified: str = "") -> Iterator[str]:
    """The lines of the file; its header has the sentence that says how far the record can be trusted, if there is one."""
    following = iter(records)
    first = next(following, None)
    header = _header(first) if first else {"version": 2, "width": 80, "height": 24}
    yield json.dumps({**header, "verified": verified} if verified else header)
    for piece in pieces(following):
        yield json.dumps([round(piece.seconds, 6), piece.code, piece.text], ensure_ascii=False)


def verified_of(header: str) -> str:
    """What the first line of a file says of how far it can be trusted. Raises NoCast."""
    said = _read(header)
    if not isinstance(said, dict) or said.get("version") != VERSION:
        raise NoCast("What came is no recording: its first line is no header of asciicast v2.")
    return printable(str(said.get("verified", "")))


def pieces_of(lines: Iterable[str]) -> Iterator[Piece]:
    """What the lines after the header show. Raises NoCast."""
    for line in lines:
        match _read(line):
            case [int() | float() as seconds, str(code), str(text)]:
                yield Piece(float(seconds), code, text)
            case _:
                raise NoCast("What came is no recording: a line of it is no event of asciicast v2.")


def _read(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _header(first: Record) -> dict[str, object]:
    body = first.body if first.kind == OPENED else {}
    who = f"{plain(body.get('person'))} on {plain(body.get('host'))} as {plain(body.get('user'))}"
    return {
        "version": 2,
        "width": _whole(body, "columns", 80),
        "height": _whole(body, "rows", 24),
        "timestamp": int(datetime.fromisoformat(first.at).timestamp()),
        "title": f"{first.origin.rpartition('/')[0].rpartition('/')[2]}: {who}",
        "env": {"TERM": plain(body.get("terminal"))},
    }


def _text(body: Mapping[str, object]) -> str:
    text = body.get("text")
    return text if isinstance(text, str) else ""


def _whole(body: Mapping[str, object], name: str, otherwise: int) -> int:
    value = body.get(name)
    return value if type(value) is int and value > 0 else otherwise
