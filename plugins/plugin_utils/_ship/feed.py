# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes next for a sink: records and checkpoints after its cursor, in the order of each stream, in bounded memory.

Only whole lines count; bytes after the last newline are a writer's who has not finished. Links and signatures are the
verifier's business: what can be read is shipped, and what can't is said.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal import checkpoint_files
from .._journal.journal_files import origin_of
from .._journal.record import MAX_LINE, parse
from .parcel import Parcel, Unreadable, checkpoint_parcel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .cursor import Cursor, Position

BACKLOG = 200
"""Streams with something to send beyond which no new ones are learnt from the ledger, so that memory stays bounded."""
MOST_BYTES = 1024 * 1024
_READ = 256 * 1024
_REMEMBERED = 2000
_SETTLED_SECONDS = 2.0  # a directory may change again within one tick of its clock


@dataclass
class _Room:
    """What still fits into a batch."""

    count: int
    size: int = MOST_BYTES


class Feed:
    """Reads one journal for one sink."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._turn = 0
        self._origins: dict[str, str] = {}
        self._no_checkpoint_since: dict[str, tuple[int, int]] = {}

    def next(self, cursor: Cursor, count: int) -> list[Parcel] | Unreadable:
        """Return at most `count` parcels (and about one MiB), none if there is nothing; or a place that can't be read."""
        room = _Room(count)
        parcels: list[Parcel] = []
        for stream, position in self._in_turn(cursor):
            for item in self._of_stream(stream, position, room):
                if isinstance(item, Unreadable):
                    return parcels or item
                parcels.append(item)
                room.count -= 1
                room.size -= len(item.line)
                if room.count <= 0 or room.size <= 0:
                    return parcels
        return parcels

    def stay(self) -> None:
        """Begin the next time with the same stream as this time."""
        self._turn -= 1

    def is_waiting(self, stream: str, position: Position) -> bool:
        """Tell whether a stream's file is longer than what is settled of it."""
        try:
            return (self._journal / stream).lstat().st_size > position.offset
        except OSError:
            return False

    def _in_turn(self, cursor: Cursor) -> Iterator[tuple[str, Position]]:
        """Every stream, beginning with another one each time; the ledger first, or last if there is enough to do already."""
        ledger, *others = cursor.positions()
        waiting = sum(self.is_waiting(*one) for one in others) if len(others) > BACKLOG else 0
        if waiting < BACKLOG:
            yield ledger
        self._turn = (self._turn + 1) % max(len(others), 1)
        if len(self._origins) > _REMEMBERED:
            self._origins.clear()
            self._no_checkpoint_since.clear()
        yield from others[self._turn :]
        yield from others[: self._turn]
        if waiting >= BACKLOG:
            yield ledger

    def _of_stream(self, stream: str, position: Position, room: _Room) -> Iterator[Parcel | Unreadable]:
        if self.is_waiting(stream, position):
            for item in self._lines(stream, position, room):
                position = item.position
                yield item
        yield from self._checkpoints(stream, position)

    def _lines(self, stream: str, position: Position, room: _Room) -> Iterator[Parcel | Unreadable]:
        for line in _lines_after(self._journal / stream, position.offset, room.count):
            position = replace(position, offset=position.offset + len(line), seq=position.seq + 1)
            try:
                record = parse(line.removesuffix(b"\n"))
            except BreakglassError as error:
                yield Unreadable(stream, position, str(error))
                continue
            self._origins[stream] = record.origin
            yield Parcel(record, line[:-1], stream, position)

    def _checkpoints(self, stream: str, position: Position) -> Iterator[Parcel | Unreadable]:
        path = self._journal / stream
        try:
            changed = path.parent.stat().st_mtime_ns
            if self._no_checkpoint_since.get(stream) == (changed, position.seq):
                return
            wanted = [size for size in checkpoint_files.sizes(path) if position.checkpoint < size <= position.seq]
        except OSError:
            return
        for size in wanted:
            yield self._checkpoint(stream, replace(position, checkpoint=size))
        if not wanted and time.time() - changed / 1e9 > _SETTLED_SECONDS:
            self._no_checkpoint_since[stream] = (changed, position.seq)

    def _checkpoint(self, stream: str, position: Position) -> Parcel | Unreadable:
        path = checkpoint_files.checkpoint_path(self._journal / stream, position.checkpoint)
        origin = self._origins.get(stream) or self._origin(stream)
        try:
            with path.open("rb") as file:
                note = file.read(checkpoint_files.LARGEST_NOTE).decode()
                modified = os.fstat(file.fileno()).st_mtime
            return checkpoint_parcel(origin, stream, note, modified, position)
        except (BreakglassError, OSError, ValueError) as error:
            return Unreadable(stream, position, f"The checkpoint {path} can't be read ({type(error).__name__}).")

    def _origin(self, stream: str) -> str:
        """The name that stands in a stream's records; its path where they can't be read."""
        return origin_of(self._journal / stream) or stream.removesuffix(".jsonl")


def _lines_after(path: Path, offset: int, count: int) -> Iterator[bytes]:
    """Yield whole lines with their newlines; a piece without one is longer than any record.

    A writer may leave what it wrote last unsynced for a moment: nothing is yielded that a power cut could still undo.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(descriptor, "rb", buffering=_READ) as file:
        try:
            durable = os.fstat(descriptor).st_size
            os.fdatasync(descriptor)
        except OSError:
            return
        file.seek(offset)
        for _turn in range(count):
            try:
                line = file.readline(MAX_LINE + 1)
            except OSError:
                return
            offset += len(line)
            if offset > durable or (not line.endswith(b"\n") and len(line) <= MAX_LINE):
                return
            yield line
