# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for acknowledgements: has the shipper brought what is in the journal now to the sinks?

Only the cursors are read, so whoever asks need not be the shipper, and can't disturb it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._journal import checkpoint_files, ledger_file
from .._journal.ledger import NAME as LEDGER
from .cursor import NO_CHECKPOINT, Position
from .cursor_file import load, state_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .sinks._sink import Sink

_LOOK_SECONDS = 0.05
_UNSTARTED = "it has not acknowledged everything yet"


def await_all(journal: Path, sinks: Iterable[str], streams: Sequence[str], seconds: float) -> dict[str, str]:
    """Wait until every sink has the ledger and some streams as they are now; returns the sinks that have not, and why.

    Args:
        journal: its directory.
        sinks: their names.
        streams: paths relative to the journal, with `.jsonl`.
        seconds: the limit.

    Raises:
        MissingLedger, ChangedLedger, UnwritableLedger: the journal can't be read.
    """
    question = _Question(journal, streams)
    deadline = time.monotonic() + seconds
    while missing := {sink: why for sink in sinks if (why := question.missing(sink))}:
        if time.monotonic() > deadline:
            return missing
        time.sleep(_LOOK_SECONDS)
    return {}


def await_remote(journal: Path, sinks: Mapping[str, Sink], streams: Sequence[str], seconds: float) -> str:
    """Wait until one sink on another machine has it; returns why none has within the limit, empty when one has.

    Raises what `await_all` raises.
    """
    remote = [name for name, sink in sinks.items() if sink.is_remote]
    if not remote:
        return "No sink is on another machine and acknowledges, which audit mode remote_strict needs."
    question = _Question(journal, streams)
    deadline = time.monotonic() + seconds
    while True:
        missing = {name: why for name in remote if (why := question.missing(name))}
        if len(missing) < len(remote):
            return ""
        if time.monotonic() > deadline:
            return f"No sink on another machine has acknowledged within {seconds:.0f} s. {sentence(missing)}"
        time.sleep(_LOOK_SECONDS)


def sentence(missing: Mapping[str, str]) -> str:
    """Return what to tell of sinks that have not acknowledged."""
    return " ".join(f"{sink}: {why.rstrip('.')}." for sink, why in missing.items())


class _Question:
    """What is in the journal now."""

    def __init__(self, journal: Path, streams: Sequence[str]) -> None:
        self._journal = journal
        self._origin = ledger_file.origin_of(journal / LEDGER)
        self._wanted = {name: _now(journal / name) for name in (LEDGER, *streams)}

    def missing(self, sink: str) -> str:
        """Why a sink has not got all of it; empty if it has."""
        state = load(state_path(self._journal, sink), self._origin)
        at = dict(state.cursor.positions())
        for name, wanted in self._wanted.items():
            # Not followed any more means finished: the ledger, which announces it, comes first.
            place = at.get(name)
            if place and (place.offset < wanted.offset or place.checkpoint < wanted.checkpoint):
                return state.trouble or _UNSTARTED
        return ""


def _now(path: Path) -> Position:
    try:
        return Position(path.stat().st_size, 0, max(checkpoint_files.sizes(path), default=NO_CHECKPOINT))
    except OSError:
        return Position()
