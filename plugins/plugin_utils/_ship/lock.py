# SPDX-License-Identifier: GPL-3.0-or-later
"""One shipper a journal: whoever holds this lock. The system gives it back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal import durable, ledger_file
from .._journal.ledger import NAME as LEDGER
from .cursor_file import DIRECTORY

if TYPE_CHECKING:
    from pathlib import Path


class UnusableJournal(BreakglassError):
    """Raised when the shipper can't keep its own files in a journal."""


class ShipperLock:
    """The lock of one journal; `take` it, `release` it."""

    def __init__(self, journal: Path) -> None:
        self._path = journal / DIRECTORY / "lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take the lock, unless another process has it.

        Raises:
            MissingLedger: there is no journal; none is made by looking at it.
            UnusableJournal: the system refuses.
        """
        if not (self._path.parents[1] / LEDGER).exists():
            raise ledger_file.missing(self._path.parents[1])
        try:
            durable.make_directory(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise UnusableJournal(f"Nothing can be shipped: {self._path} can't be made: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give it back; releasing twice is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_taken(journal: Path) -> bool:
    """Tell whether a shipper works on this journal; raises what `ShipperLock.take` raises."""
    lock = ShipperLock(journal)
    try:
        return not lock.take()
    finally:
        lock.release()
