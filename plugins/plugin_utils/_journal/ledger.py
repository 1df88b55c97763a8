# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: a stream that names every stream of a journal, so that a missing one shows.

All doors of a machine write to it, one at a time: each append waits for the lock, reads what others have added, writes,
syncs and unlocks. No descriptor stays open in between, so a fork inherits none and a deleted ledger is noticed.

The life of a stream in it: announced, before its file is made; sealed, when it is closed; announced again, before a
sealed stream is resumed; absent, when it was announced and its file never came to be; archived, when a sealed stream was
moved to another journal.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import durable, ledger_file, tail
from .chain import Chain
from .ledger_file import ChangedLedger, LedgerBusy, MissingLedger, UnwritableLedger
from .record import Record, UnrecordableValue, check_origin, line_of

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    from .canonical import JsonValue

__all__ = [
    "ABSENT",
    "ANNOUNCED",
    "ARCHIVED",
    "NAME",
    "SEALED",
    "ChangedLedger",
    "ForeignStream",
    "Ledger",
    "LedgerBusy",
    "LedgerExists",
    "MissingLedger",
    "UnwritableLedger",
]

NAME = "ledger.jsonl"
CREATED = "ledger.created"
ANNOUNCED = "stream.announced"
SEALED = "stream.sealed"
ABSENT = "stream.absent"
ARCHIVED = "stream.archived"

_ROOT = re.compile(r"[0-9a-f]{64}")

Clock = Callable[[], datetime]


class LedgerExists(BreakglassError):
    """Raised when a ledger is to be created where one is already."""


class ForeignStream(BreakglassError):
    """Raised when a path can't be a stream of this journal."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Ledger:
    """A journal's ledger. Make one with `open`, `create` or `create_if_absent`; there is nothing to close."""

    def __init__(self, directory: Path, clock: Clock, chain: Chain) -> None:
        """Take what `open` found out; for `open` only."""
        self._directory = directory
        self._clock = clock
        self._chain = chain
        self._offset = 0
        self._last_line = b""
        self._turn = threading.Lock()

    @classmethod
    def open(cls, directory: Path, clock: Clock = _now) -> Ledger:
        """Open the ledger of a journal's directory and check all of it.

        Raises:
            MissingLedger: there is none.
            ChangedLedger: its chain is broken.
            LedgerBusy: another process held it for more than five seconds.
            UnwritableLedger: the system refuses.
        """
        ledger = cls(directory, clock, Chain(ledger_file.origin_of(directory / NAME)))
        with ledger._newest():
            return ledger

    @classmethod
    def create(cls, directory: Path, clock: Clock = _now, origin: str | None = None) -> Ledger:
        """Create the ledger of an empty journal, with a first record that gives it an origin of its own.

        The origin is random when it is not given: several journals may keep their anchors in one place.

        Raises:
            LedgerExists: there is one.
            MissingLedger: the directory has streams: their ledger was lost, and a new one would hide it.
            UnwritableLedger: the system refuses.
        """
        name = f"breakglass/ledger/{secrets.token_hex(8)}" if origin is None else origin
        check_origin(name)
        line = line_of(Chain(name).draft(CREATED, {}, None, clock()))
        try:
            durable.make_directory(directory)
            ledger_file.refuse_orphans(directory, NAME)
            durable.publish(directory / NAME, line + b"\n")
        except FileExistsError as error:
            raise LedgerExists(f"The journal {directory} has a ledger already. Open it.") from error
        except OSError as error:
            raise ledger_file.unwritable(directory / NAME, error) from error
        return cls.open(directory, clock)

    @classmethod
    def create_if_absent(cls, directory: Path, clock: Clock = _now, origin: str | None = None) -> Ledger:
        """Open the ledger, or create it where the journal is empty; raises what `open` and `create` raise."""
        if (directory / NAME).exists():
            return cls.open(directory, clock)
        try:
            return cls.create(directory, clock, origin)
        except LedgerExists:
            return cls.open(directory, clock)

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self._directory / NAME

    @property
    def origin(self) -> str:
        """The name that stands in every record and every checkpoint of the ledger."""
        return self._chain.origin

    def head(self) -> tuple[int, bytes]:
        """Return number of records and RFC 6962 root, with what others have added; raises what `open` raises."""
        with self._newest():
            return self._chain.head()

    def announce(self, stream: PurePath, origin: str) -> Record:
        """Name a stream before its file is made (or resumed after a seal). When this returns, it is on the disk.

        Raises:
            ForeignStream: the path is not one of a stream below this directory.
            MissingLedger: the ledger's file is gone.
            ChangedLedger: the ledger's chain is broken.
            LedgerBusy: another process held it for more than five seconds.
            UnwritableLedger: the system refuses.
        """
        check_origin(origin)
        return self._append(ANNOUNCED, {"stream": self._name(stream), "origin": origin})

    def seal(self, stream: PurePath, size: int, root: str, checkpoints: Sequence[int] = ()) -> Record:
        """Say that a stream is complete: its number of records, their RFC 6962 root in hex, its checkpoints' sizes.

        Raises what `announce` raises, and UnrecordableValue for a root that is none.
        """
        if _ROOT.fullmatch(root) is None:
            raise UnrecordableValue(f"The stream {stream} can't be sealed: its root is not 32 bytes in hex.")
        return self._append(
            SEALED, {"stream": self._name(stream), "size": size, "root": root, "checkpoints": sorted(checkpoints)}
        )

    def absent(self, stream: PurePath) -> Record:
        """Say that an announced stream's file never came to be; raises what `announce` raises."""
        return self._append(ABSENT, {"stream": self._name(stream)})

    def archived(self, stream: PurePath, archive: str) -> Record:
        """Say that a sealed stream was moved, to the journal whose ledger has this origin; raises what `announce` raises."""
        return self._append(ARCHIVED, {"stream": self._name(stream), "archive": archive})

    def _name(self, stream: PurePath) -> str:
        relative = stream
        if stream.is_absolute() and stream.is_relative_to(self._directory.absolute()):
            relative = stream.relative_to(self._directory.absolute())
        name = relative.as_posix()
        if relative.is_absolute() or ".." in relative.parts or relative.suffix != ".jsonl" or name == NAME:
            raise ForeignStream(f"A stream must be a .jsonl file below {self._directory}; {name!r} is not.")
        return name

    def _append(self, kind: str, body: Mapping[str, JsonValue]) -> Record:
        with self._newest() as descriptor:
            return self._write(descriptor, kind, body)

    @contextmanager
    def _newest(self) -> Iterator[int]:
        """Hold the ledger, everything that others have added taken in, and a dead writer's half line cut off."""
        with self._turn, ledger_file.held(self.path) as descriptor:
            self._refuse_changed_past(descriptor)
            end = self._read_on(descriptor)
            if end.torn:
                tail.cut(descriptor, end)
                self._write(descriptor, "stream.recovered", {"size": end.torn, "sha256": end.sha256})
            yield descriptor

    def _refuse_changed_past(self, descriptor: int) -> None:
        start = self._offset - len(self._last_line)
        if os.pread(descriptor, len(self._last_line), start) != self._last_line:
            raise ChangedLedger(f"The ledger {self.path} is not the one that was read before. Verify the journal.")

    def _read_on(self, descriptor: int) -> tail.Tail:
        try:
            end = tail.follow(descriptor, self._chain, self._offset)
        except tail.BrokenLine as error:
            raise ChangedLedger(f"The ledger {self.path} has been changed, {error} Verify the journal.") from error  # pylint: disable=bad-exception-cause
        if end.offset != self._offset and self._chain.last_line is not None:
            self._remember(self._chain.last_line, end.offset)
        return end

    def _write(self, descriptor: int, kind: str, body: Mapping[str, JsonValue]) -> Record:
        record = self._chain.draft(kind, body, None, self._clock())
        line = line_of(record)
        written = os.write(descriptor, line + b"\n")
        if written != len(line) + 1:
            raise UnwritableLedger(f"The ledger {self.path} can't be written: is the disk full? Nothing was recorded.")
        os.fdatasync(descriptor)
        self._chain.add(line)
        self._remember(line, self._offset + written)
        return record

    def _remember(self, line: bytes, offset: int) -> None:
        self._last_line = line + b"\n"
        self._offset = offset
