# SPDX-License-Identifier: GPL-3.0-or-later
"""May a run without a runner begin, as far as its record goes? Asked once its first record is in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .awaiting import await_remote
from .configured import configured_sinks
from .modes import Mode, Verdict, may_start_run, mode_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

REMOTE_SECONDS = 30.0
"""How long `remote_strict` waits for the first acknowledgement."""


def may_begin(
    environ: Mapping[str, str], journal: Path, streams: Sequence[str], seconds: float = REMOTE_SECONDS
) -> tuple[Verdict, str]:
    """Return the verdict of the run's audit mode, and what speaks against the run. The shipper must have been started.

    Args:
        environ: of the run.
        journal: its directory.
        streams: the run's, paths relative to the journal with `.jsonl`.
        seconds: how long `remote_strict` waits.

    Raises:
        UnusableSink: the variable of the mode, or a sink, is wrong.
        BreakglassError: the journal can't be read.
    """
    mode = mode_of(environ)
    unacknowledged = ""
    if mode is Mode.REMOTE_STRICT:
        unacknowledged = await_remote(journal, configured_sinks(environ), streams, seconds)
    return may_start_run(mode, "", unacknowledged), unacknowledged
