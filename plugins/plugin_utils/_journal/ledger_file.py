# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file: holding it alone for a moment, reading its name, refusing to make a second one."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .record import MAX_LINE, BrokenRecord, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 5.0
"""Seconds that an append waits for another writer of the ledger."""
_PAUSE = 0.002
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class MissingLedger(BreakglassError):
    """Raised when a journal has no ledger, and making one would hide that it was lost."""


class LedgerBusy(BreakglassError):
    """Raised when another process held the ledger for too long."""


class ChangedLedger(BreakglassError):
    """Raised when the records of the ledger do not form the chain that was written."""


class UnwritableLedger(BreakglassError):
    """Raised when the system refuses to read or write the ledger."""


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Open the ledger and hold it alone; yields its descriptor.

    Raises:
        MissingLedger: it is not there.
        LedgerBusy: another process held it for more than `WAIT` seconds.
        UnwritableLedger: the system refuses, here or in the block.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError as error:
        raise missing(path.parent) from error
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        _wait_for(descriptor, path)
        yield descriptor
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        os.close(descriptor)


def origin_of(path: Path) -> str:
    """Return the origin that the ledger's first record has.

    Raises:
        MissingLedger: there is no ledger.
        ChangedLedger: its first line is not a record.
        UnwritableLedger: the system refuses.
    """
    try:
        with path.open("rb") as file:
            return parse(file.readline(MAX_LINE).removesuffix(b"\n")).origin
    except FileNotFoundError as error:
        raise missing(path.parent) from error
    except OSError as error:
        raise unwritable(path, error) from error
    except BrokenRecord as error:
        raise ChangedLedger(  # pylint: disable=bad-exception-cause
            f"The ledger {path} has been changed: its first line is not a record. Verify it."
        ) from error


def refuse_orphans(directory: Path, name: str) -> None:
    """Refuse a directory with streams that no ledger names.

    Raises:
        MissingLedger: it has streams and no ledger.
    """
    if not (directory / name).exists() and next(directory.rglob("*.jsonl"), None) is not None:
        raise missing(directory)


def missing(directory: Path) -> MissingLedger:
    """Return the error for a journal without its ledger."""
    return MissingLedger(
        f"The journal {directory} has no ledger. If it has streams, their ledger was lost: verify the journal and tell "
        "your security team. Start a new journal in an empty directory."
    )


def unwritable(path: Path, error: OSError) -> UnwritableLedger:
    """Return the error for a ledger that the system refuses."""
    reason = (error.strerror or type(error).__name__).lower()
    return UnwritableLedger(f"The ledger {path} can't be used: {reason}. Nothing was recorded.")


def _wait_for(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + WAIT
    while not _is_locked(descriptor):
        if time.monotonic() > deadline:
            raise LedgerBusy(
                f"Another process has held the ledger {path} for more than {WAIT:.0f} s. See which one: lsof {path}"
            )
        time.sleep(_PAUSE)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
