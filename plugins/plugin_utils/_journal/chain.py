# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that ties records into one stream: numbers without gaps, one origin, each record naming the line before.

Pure: lines go in, records or an error come out. `stream.py` and `ledger.py` put it on a disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .merkle import Tree
from .record import GENESIS, Form, Record, check_origin, digest, parse, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .canonical import JsonValue


class BrokenChain(BreakglassError):
    """Raised when a record does not follow the one before it."""


class Chain:
    """What a stream's next record depends on."""

    def __init__(self, origin: str) -> None:
        """Start a chain without records.

        Raises:
            UnrecordableValue: the origin can't be one.
        """
        check_origin(origin)
        self.origin = origin
        self.digest = GENESIS
        self.last_line: bytes | None = None
        self._form = Form(origin)
        self._tree = Tree()

    @property
    def size(self) -> int:
        """The number of records."""
        return self._tree.size

    @property
    def last(self) -> Record | None:
        """The newest record."""
        return None if self.last_line is None else parse(self.last_line)

    def head(self) -> tuple[int, bytes]:
        """Return the number of records and the root of the Merkle tree over their lines."""
        return self._tree.size, self._tree.root()

    def draft(self, kind: str, body: Mapping[str, JsonValue], record_id: str | None, at: datetime) -> Record:
        """Return the record that would come next."""
        seq = self._tree.size + 1
        return Record(
            origin=self.origin,
            seq=seq,
            id=f"{self.origin}#{seq}" if record_id is None else record_id,
            at=timestamp(at),
            kind=kind,
            body=body,
            previous=self.digest,
        )

    def line(self, kind: str, body: Mapping[str, JsonValue], at: datetime) -> bytes:
        """Return the line of the record that `draft` would return, without the record."""
        return self._form.line(self._tree.size + 1, at, kind, body, self.digest)

    def add(self, line: bytes) -> None:
        """Take a line that comes next, once it is on the disk."""
        self._tree.add(line)
        self.digest = digest(line)
        self.last_line = line

    def follow(self, line: bytes) -> Record:
        """Take a line that was read, after checking it.

        Raises:
            BrokenRecord: the line is not a record.
            BrokenChain: the record is not the one that comes next here.
        """
        record = parse(line)
        if record.origin != self.origin:
            raise BrokenChain("The record belongs to another stream.")
        if record.seq != self.size + 1:
            raise BrokenChain(f"The record has number {record.seq} where number {self.size + 1} belongs.")
        if record.previous != self.digest:
            raise BrokenChain("The record names another line as the one before it.")
        self.add(line)
        return record
