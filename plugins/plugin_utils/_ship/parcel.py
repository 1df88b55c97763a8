# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sink is given: one record, and where the cursor stands once it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._journal.record import GENESIS, Record, line_of, timestamp

if TYPE_CHECKING:
    from .._journal.record import JsonValue
    from .cursor import Position

CHECKPOINT = "journal.checkpoint"
"""The kind of the record that carries a checkpoint's note; it stands in sinks alone."""


@dataclass(frozen=True)
class Parcel:
    """One record on its way."""

    record: Record
    line: bytes
    """The record in canonical JSON, as its stream has it, without a newline."""
    stream: str
    """Path of the stream, relative to the journal."""
    position: Position
    """Where the cursor stands in that stream once this is settled."""


@dataclass(frozen=True)
class Unreadable:
    """A place of a stream that no record can be made of."""

    stream: str
    position: Position
    why: str


def checkpoint_parcel(origin: str, stream: str, note: str, modified: float, position: Position) -> Parcel:
    """Make the record of a checkpoint: id `ORIGIN#checkpoint-SIZE`, the note in its body, at the time of its file.

    Its number is that of the last record that it counts, or 1 where it counts none: there is no record 0.

    Raises:
        UnrecordableValue: the note is not text, or the origin can't be one.
    """
    size = position.checkpoint
    at = timestamp(datetime.fromtimestamp(modified, tz=timezone.utc))
    body: dict[str, JsonValue] = {"note": note, "size": size, "stream": stream}
    record = Record(origin, max(size, 1), f"{origin}#checkpoint-{size}", at, CHECKPOINT, body, GENESIS)
    return Parcel(record, line_of(record), stream, position)
