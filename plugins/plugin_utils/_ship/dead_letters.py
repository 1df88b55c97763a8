# SPDX-License-Identifier: GPL-3.0-or-later
"""Where it is recorded that a sink will never have a record: a stream of the journal, one a day, named in the ledger.

The record itself stays where it is, so a dead letter names it (stream, number, id) and says why, without its text.
"""

from __future__ import annotations

import threading
from pathlib import PurePath
from typing import TYPE_CHECKING

from .._journal.ledger import Ledger
from .._journal.record import parse
from .._journal.registry import Registry
from .._journal.stream import Stream
from .._journal.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from .parcel import Parcel, Unreadable

REFUSED = "ship.refused"
UNREADABLE = "ship.unreadable"
NAME = "dead-letters.jsonl"
_TEXT_LIMIT = 300


class DeadLetters:
    """The dead-letter stream of a journal. Safe to use from several threads; only the shipper has one."""

    def __init__(self, journal: Path, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock
        self._stream: Stream | None = None
        self._name = PurePath()
        self._lock = threading.Lock()

    def refused(self, sink: str, parcel: Parcel, why: str) -> None:
        """Record, durable on return, that a sink does not take a record.

        Raises:
            BreakglassError: it could not be recorded.
        """
        body: dict[str, str | int] = {"sink": sink, "why": printable(why)[:_TEXT_LIMIT], "stream": parcel.stream}
        self._append(REFUSED, {**body, "seq": parcel.record.seq, "record": parcel.record.id})

    def unreadable(self, sink: str, place: Unreadable) -> None:
        """Record, durable on return, that nothing can be shipped from a place; raises BreakglassError."""
        why = printable(place.why)[:_TEXT_LIMIT]
        body: dict[str, str | int] = {"sink": sink, "why": why, "stream": place.stream, "seq": place.position.seq}
        self._append(UNREADABLE, body)

    def close(self) -> None:
        """Seal the stream, if there is one: nobody writes it until it is announced again. Raises BreakglassError."""
        with self._lock:
            self._seal()

    def _append(self, kind: str, body: dict[str, str | int]) -> None:
        with self._lock:
            now = self._clock()
            self._open(PurePath(f"{now:%Y/%m/%d}/shipping/{NAME}")).append(kind, body, at=now)

    def _open(self, name: PurePath) -> Stream:
        if self._stream is not None and self._name == name:
            return self._stream
        self._seal()
        path = self._journal / name
        origin = name.with_suffix("").as_posix()
        Ledger.open(self._journal).announce(name, origin)
        self._stream = Stream.resume(path, origin, self._clock) if path.exists() else Stream.create(path, origin)
        self._name = name
        return self._stream

    def _seal(self) -> None:
        if self._stream is None:
            return
        size, root = self._stream.head()
        self._stream.close()
        self._stream = None
        Ledger.open(self._journal).seal(self._name, size, root.hex())


def open_dead_letters(ledger: Path) -> list[str]:
    """Return the dead-letter streams that a shipper which died has left open, as the ledger names them."""
    registry = Registry()
    with ledger.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and f"/shipping/{NAME}".encode() in line:
                registry.take(parse(line[:-1]))
    return [name for name, entry in registry.entries.items() if entry.is_open and not entry.is_absent]
