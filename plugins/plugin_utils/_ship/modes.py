# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be sure before something is done: the audit modes. Pure.

| mode | a task starts when | a run starts when |
|---|---|---|
| `strict` (default) | its intent is durable in the journal | the same |
| `remote_strict` | its intent is durable in the journal | a sink on another machine has acknowledged its first record |
| `best_effort` | always; what could not be recorded is said | always |
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .options import UnusableSink

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "BREAKGLASS_AUDIT_MODE"


class Mode(Enum):
    """How sure the record must be."""

    STRICT = "strict"
    REMOTE_STRICT = "remote_strict"
    BEST_EFFORT = "best_effort"


class Verdict(Enum):
    """What to do next."""

    GO = "go"
    WARN = "warn"
    """Go on, and say what was not recorded."""
    STOP = "stop"


def mode_of(environ: Mapping[str, str]) -> Mode:
    """Return the mode that `BREAKGLASS_AUDIT_MODE` names; raises UnusableSink."""
    text = environ.get(VARIABLE) or Mode.STRICT.value
    for mode in Mode:
        if mode.value == text:
            return mode
    raise UnusableSink(f"{VARIABLE} must be one of: {', '.join(mode.value for mode in Mode)}.")


def may_start_task(mode: Mode, unrecorded: str) -> Verdict:
    """Decide about a task. `unrecorded` is why its intent is not durable, empty if it is."""
    if not unrecorded:
        return Verdict.GO
    return Verdict.WARN if mode is Mode.BEST_EFFORT else Verdict.STOP


def may_start_run(mode: Mode, unrecorded: str, unacknowledged: str) -> Verdict:
    """Decide about a run.

    Args:
        mode: the mode.
        unrecorded: why its first record is not durable, empty if it is.
        unacknowledged: why no sink on another machine has it, empty if one has; only `remote_strict` asks.
    """
    if mode is Mode.REMOTE_STRICT and unacknowledged:
        return Verdict.STOP
    return may_start_task(mode, unrecorded)
