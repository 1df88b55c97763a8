# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a journal to one sink. What may go wrong there stays there: each sink has a courier of its own.

The rule: the cursor moves when the sink has acknowledged, or when the dead-letter stream says that it never will; it is
durable before anything more is sent. So a record comes at least once, and what comes twice has the same id.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal import ledger_file
from .._journal.ledger import NAME as LEDGER
from .backoff import pause
from .cursor_file import State, load, save, state_path
from .dead_letters import REFUSED
from .feed import Feed
from .parcel import Parcel, Unreadable
from .sinks._sink import RefusedRecords, Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .cursor import Cursor
    from .dead_letters import DeadLetters
    from .sinks._sink import Sink

SUSPICIOUS = 20
"""Records refused in a row after which the fault seems to be the receiver's: from then on each one waits its turn."""


class Courier:
    """One sink's courier; `step` does one thing and says how long to wait for the next."""

    def __init__(self, name: str, sink: Sink, journal: Path, letters: DeadLetters, chance: Callable[[], float]) -> None:
        """Take up where the sink's cursor stands.

        Raises:
            BreakglassError: the journal has no ledger, or it can't be read.
        """
        self.name = name
        self._sink = sink
        self._letters = letters
        self._chance = chance
        self._path = state_path(journal, name)
        self._state: State = load(self._path, ledger_file.origin_of(journal / LEDGER))
        self._feed = Feed(journal)
        self._width = sink.most
        self._failures = 0
        self._refused_in_row = 0
        self._is_saved = True

    @property
    def trouble(self) -> str:
        """Why nothing is being acknowledged now; empty when all is well."""
        return self._state.trouble

    @property
    def cursor(self) -> Cursor:
        """How far the sink has got."""
        return self._state.cursor

    def step(self) -> float | None:
        """Send one batch. Returns seconds to wait before the next step, None when there is nothing to send.

        Never raises: what goes wrong is kept as `trouble`, and tried again.
        """
        try:
            return self._step()
        except Unacknowledged as error:
            return self._failed(str(error), error.wait_seconds)
        except BreakglassError as error:  # the journal, the dead letters or the cursor itself
            return self._failed(str(error), None)
        except OSError as error:
            return self._failed(f"The sink {self.name} can't be fed: {error.strerror}.", None)

    def close(self) -> None:
        """Let go of the sink's connections, when no step is under way."""
        self._sink.close()

    def _step(self) -> float | None:
        if not self._is_saved:
            self._save()
        found = self._feed.next(self._state.cursor, self._width)
        if isinstance(found, Unreadable):
            self._letters.unreadable(self.name, found)
            self._state.cursor.refused += 1
            self._settle([found])
            return 0.0
        if not found:
            return None
        try:
            count = self._sink.send(found)
        except RefusedRecords as error:
            return self._refused(found, str(error))
        except (Unacknowledged, OSError):
            raise
        except Exception as error:  # noqa: BLE001 (a record that can't be rendered must not stop all others)
            return self._refused(found, f"It can't be rendered for this sink ({type(error).__name__}).")
        self._acknowledged(found[:count])
        return 0.0

    def _acknowledged(self, parcels: Sequence[Parcel]) -> None:
        self._width = min(self._width * 2, self._sink.most)
        self._failures = self._refused_in_row = 0
        self._state.trouble = ""
        self._state.cursor.shipped += len(parcels)
        self._settle(parcels)

    def _refused(self, parcels: Sequence[Parcel], why: str) -> float:
        """Halve the batch until the one record is found that the sink does not take."""
        if len(parcels) > 1:
            self._width = len(parcels) // 2
            self._feed.stay()
            return 0.0
        self._refused_in_row += 1
        if parcels[0].record.kind != REFUSED:  # a letter about a refused letter would be refused, too, and so on
            self._letters.refused(self.name, parcels[0], why)
        self._state.cursor.refused += 1
        if self._refused_in_row > SUSPICIOUS:
            many = f"The sink {self.name} has refused {self._refused_in_row} records in a row"
            self._state.trouble = f"{many}; see the dead-letter stream. {why}"
        self._settle(parcels)
        late = self._refused_in_row - SUSPICIOUS
        return pause(late, None, self._chance()) if late > 0 else 0.0

    def _settle(self, items: Sequence[Parcel | Unreadable]) -> None:
        for item in items:
            record = item.record if isinstance(item, Parcel) else None
            self._state.cursor.settle(item.stream, item.position, record)
        self._save()

    def _save(self) -> None:
        self._is_saved = False
        save(self._path, self._state)
        self._is_saved = True

    def _failed(self, why: str, asked_seconds: float | None) -> float:
        self._failures += 1
        if self._state.trouble != why:
            self._state.trouble = why
            with suppress(
                BreakglassError
            ):  # the same disk that is the trouble, perhaps; `trouble` tells it all the same
                save(self._path, self._state)
        return pause(self._failures, asked_seconds, self._chance())
