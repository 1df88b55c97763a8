# SPDX-License-Identifier: GPL-3.0-or-later
"""Where it is recorded that a sink will never have a record: a stream of the journal, one a day, named in the ledger.

The record itself stays where it is, so a dead letter names it (stream, number, id) and says why, without its text.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from .._errors import BreakglassError
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
        self._name: PurePath | None = None
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
            stream = self._open(PurePath(f"{now:%Y/%m/%d}/shipping/{NAME}"))
            try:
                stream.append(kind, body, at=now)
            except BreakglassError:
                self._let_go()
                raise

    def _open(self, name: PurePath) -> Stream:
        if self._name != name:
            self._seal()
            Ledger.open(self._journal).announce(name, _origin(name))
            self._name = name
        if self._stream is None:
            path = self._journal / name
            self._stream = self._resumed(name) if path.exists() else Stream.create(path, _origin(name))
        return self._stream

    def _resumed(self, name: PurePath) -> Stream:
        return Stream.resume(self._journal / name, _origin(name), self._clock)

    def _let_go(self) -> None:
        """A stream that has failed takes no more; the next letter resumes it from its last whole record."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(BreakglassError):
                stream.close()

    def _seal(self) -> None:
        if self._name is None:
            return
        if self._stream is None and not (self._journal / self._name).exists():
            Ledger.open(self._journal).absent(self._name)
        else:
            stream = self._stream or self._resumed(self._name)
            size, root = stream.head()
            stream.close()
            self._stream = None
            Ledger.open(self._journal).seal(self._name, size, root.hex())
        self._name = None


def _origin(name: PurePath) -> str:
    return name.with_suffix("").as_posix()


def open_dead_letters(ledger: Path) -> list[str]:
    """Return the dead-letter streams that a shipper which died has left open, as the ledger names them."""
    registry = Registry()
    with ledger.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and f"/shipping/{NAME}".encode() in line:
                registry.take(parse(line[:-1]))
    return [name for name, entry in registry.entries.items() if entry.is_open and not entry.is_absent]
