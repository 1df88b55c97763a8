# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a shipper lives: once through, until its runner ends, or until the runs are over and everything is shipped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._journal.ledger import NAME as LEDGER
from .dead_letters import NAME as LETTERS
from .shipper import BusyJournal, Shipper
from .writers import any_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from threading import Event

    from .sinks._sink import Sink

LAST_WORDS_SECONDS = 3.0
_WAIT_FOR_LOCK_SECONDS = 0.5
_LOOK_SECONDS = 0.1


def serve(journal: Path, sinks: Mapping[str, Sink], stop: Event, tell: Callable[[Mapping[str, str]], object]) -> None:
    """Ship until `stop`; wait for another shipper of the journal to end. `tell` hears of troubles when they change.

    Raises:
        BreakglassError: the journal can't be used.
    """
    while not _served(journal, sinks, stop, tell):
        tell({"shipper": f"Another shipper works on the journal {journal}. These sinks get nothing until it ends."})
        if stop.wait(_WAIT_FOR_LOCK_SECONDS):
            return


def ship_until_over(
    journal: Path, sinks: Mapping[str, Sink], linger_seconds: float, is_outdated: Callable[[], bool]
) -> bool:
    """Ship until nobody has written for so long and all is acknowledged; or until other sinks are wanted, returning False.

    Returns at once if another shipper works on the journal. A run that starts while this one ends finds the lock free, or
    is found by the last look: nobody is overlooked.

    Raises:
        BreakglassError: the journal can't be used.
    """
    try:
        while not is_outdated():
            with Shipper(journal, sinks) as shipper:
                quiet = _Quiet(journal, shipper, linger_seconds)
                _until(shipper, lambda: is_outdated() or quiet.is_over(), lambda _: None)  # noqa: B023 (of this round)
            if not is_outdated() and not quiet.has_changed():
                return True
    except BusyJournal:
        return True
    return False


def ship_once(shipper: Shipper, seconds: float) -> bool:
    """Ship what is there; returns whether every sink has acknowledged all of it within so many seconds."""
    shipper.start()
    return shipper.wait_until_idle(seconds)


def _served(journal: Path, sinks: Mapping[str, Sink], stop: Event, tell: Callable[[Mapping[str, str]], object]) -> bool:
    """Ship until `stop`; False if another shipper works on the journal."""
    try:
        with Shipper(journal, sinks) as shipper:
            _until(shipper, stop.is_set, tell)
            shipper.wait_until_idle(LAST_WORDS_SECONDS)
    except BusyJournal:
        return False
    return True


def _until(shipper: Shipper, is_over: Callable[[], bool], tell: Callable[[Mapping[str, str]], object]) -> None:
    shipper.start()
    told: Mapping[str, str] | None = None
    while not is_over():
        if (troubles := shipper.troubles()) != told:
            tell(troubles)
            told = troubles
        time.sleep(_LOOK_SECONDS)


class _Quiet:
    """Whether the journal is quiet and everything in it shipped, and since when."""

    def __init__(self, journal: Path, shipper: Shipper, seconds: float) -> None:
        self._journal = journal
        self._shipper = shipper
        self._seconds = seconds
        self._size = -1
        self._since = time.monotonic()

    def is_over(self) -> bool:
        if not self._ledger.exists():  # somebody took the journal away: there is nothing to ship any more
            return True
        size = self._ledger.stat().st_size
        if size != self._size or any_written(self._open_streams()):
            self._size, self._since = size, time.monotonic()
        # All is shipped that was there when it became quiet; nothing has come since.
        return time.monotonic() - self._since >= self._seconds and self._shipper.is_idle(self._since)

    def has_changed(self) -> bool:
        """Whether somebody has announced a stream since the last look, our own dead letters apart."""
        if not self._ledger.exists():
            return False
        with self._ledger.open("rb") as file:
            file.seek(max(self._size, 0))
            return any(b'"stream.announced"' in line and LETTERS.encode() not in line for line in file)

    @property
    def _ledger(self) -> Path:
        return self._journal / LEDGER

    def _open_streams(self) -> list[Path]:
        names = {name for courier in self._shipper.couriers for name in list(courier.cursor.followed)}
        return [self._journal / name for name in names if not name.endswith(LETTERS)]
