# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipper of one journal: a courier for each sink, each in a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timezone
from pathlib import PurePath
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.ledger import Ledger
from .._journal.stream import Stream
from .courier import Courier
from .dead_letters import DeadLetters, open_dead_letters
from .lock import ShipperLock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from .sinks._sink import Sink

SHORTEST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 1.0
_BETWEEN_LOOKS_SECONDS = 0.05


class BusyJournal(BreakglassError):
    """Raised when another shipper works on the journal."""


class Shipper(AbstractContextManager["Shipper"]):
    """Ships one journal; use it in a `with` block, which holds the journal's lock.

    Entering raises BusyJournal if another shipper is at work, and BreakglassError if the journal can't be read.
    """

    def __init__(self, journal: Path, sinks: Mapping[str, Sink]) -> None:
        self._journal = journal
        self._sinks = sinks
        self._lock = ShipperLock(journal)
        self._letters = DeadLetters(journal, _now)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._idle_at: dict[str, float] = {}
        self.couriers: Sequence[Courier] = ()

    def __enter__(self) -> Self:
        """Take the journal."""
        if not self._lock.take():
            raise BusyJournal(f"Another shipper works on the journal {self._journal}. One is enough.")
        try:
            _seal_left_letters(self._journal)
            chance = random.SystemRandom().random
            self.couriers = [
                Courier(name, sink, self._journal, self._letters, chance) for name, sink in self._sinks.items()
            ]
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the journal; what is being sent is sent again next time."""
        self._stop.set()
        for courier, thread in zip(self.couriers, self._threads, strict=False):
            thread.join(LONGEST_LOOK_SECONDS)
            if not thread.is_alive():
                courier.close()
        with suppress(BreakglassError):
            self._letters.close()
        self._lock.release()

    def start(self) -> None:
        """Begin to ship, and go on until the block is left."""
        for courier in self.couriers:
            # A daemon: a receiver that hangs must not keep this process from ending.
            thread = threading.Thread(target=self._drive, args=(courier,), name=f"sink {courier.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def troubles(self) -> dict[str, str]:
        """Why a sink does not acknowledge, by its name; empty when all do."""
        return {courier.name: courier.trouble for courier in self.couriers if courier.trouble}

    def is_idle(self, since: float) -> bool:
        """Tell whether every sink has all that was there at a moment of the monotonic clock."""
        return all(self._idle_at.get(one.name, 0.0) >= since for one in self.couriers)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing is left to ship, at most so long; returns whether that is so."""
        begun = time.monotonic()
        while not self.is_idle(begun):
            if time.monotonic() > begun + seconds:
                return False
            time.sleep(_BETWEEN_LOOKS_SECONDS)
        return True

    def _drive(self, courier: Courier) -> None:
        look = SHORTEST_LOOK_SECONDS
        while not self._stop.is_set():
            looked_at = time.monotonic()
            wait = courier.step()
            self._idle_at[courier.name] = looked_at if wait is None else 0.0
            if wait is None:
                wait, look = look, min(look * 1.5, LONGEST_LOOK_SECONDS)
            else:
                look = SHORTEST_LOOK_SECONDS
            if wait:
                self._stop.wait(wait)


def _seal_left_letters(journal: Path) -> None:
    """Seal the dead-letter streams of a shipper that died: nobody else will."""
    ledger = Ledger.open(journal)
    for name in open_dead_letters(ledger.path):
        path = journal / name
        if not path.exists():
            ledger.absent(PurePath(name))
            continue
        with suppress(BreakglassError), Stream.resume(path, name.removesuffix(".jsonl"), _now) as stream:
            size, root = stream.head()
            ledger.seal(PurePath(name), size, root.hex())


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
