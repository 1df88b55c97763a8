# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback has to do with sinks, for runs without a runner: start the shipper, and wait where a mode asks for it.

Nothing of it is loaded when no variable asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .._ship.flushing import Flushed
    from .place import Place

VARIABLES = ("BREAKGLASS_SINKS", "BREAKGLASS_AUDIT_MODE", "BREAKGLASS_AUDIT_FLUSH")


def concerns(environ: Mapping[str, str]) -> bool:
    """Whether this run has sinks, a mode or a flush of its own."""
    return any(environ.get(name) for name in VARIABLES)


def goes_on_unrecorded(environ: Mapping[str, str]) -> bool:
    """Whether tasks start although they can't be recorded (`best_effort`); raises UnusableSink."""
    if not concerns(environ):
        return False
    from .._ship.modes import Mode, mode_of  # noqa: PLC0415 (see above)

    return mode_of(environ) is Mode.BEST_EFFORT


def begin(environ: Mapping[str, str], place: Place) -> None:
    """Have the run's records shipped, once its first one is in the journal.

    Raises:
        BreakglassError: The run may not begin: a setting is wrong, or no sink has acknowledged where one must.
    """
    if place.under_runner or not concerns(environ):
        return
    from .._ship.beginning import may_begin  # noqa: PLC0415
    from .._ship.modes import Verdict  # noqa: PLC0415
    from .._ship.sinks._sink import Unacknowledged  # noqa: PLC0415
    from .._ship.starting import start_if_wanted  # noqa: PLC0415

    start_if_wanted(environ, place.journal)
    verdict, why = may_begin(environ, place.journal, [f"{place.stream}.jsonl"])
    if verdict is Verdict.STOP:
        raise Unacknowledged(why)


def flushed(environ: Mapping[str, str], journal: Path, streams: Sequence[str]) -> Flushed:
    """Wait for the sinks' acknowledgements at the end of a run, where `audit_flush` asks for it; never raises."""
    from .._ship.flushing import Flushed, flush  # noqa: PLC0415

    there = [f"{stream}.jsonl" for stream in streams if (journal / f"{stream}.jsonl").exists()]
    try:
        return flush(environ, journal, there)
    except BreakglassError as error:
        return Flushed(str(error), fails=True)
