# SPDX-License-Identifier: GPL-3.0-or-later
"""`audit_flush: before_exit`: a run in a container that vanishes waits for its sinks before it ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .awaiting import await_all, sentence
from .configured import configured_sinks
from .options import UnusableSink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

VARIABLE = "BREAKGLASS_AUDIT_FLUSH"
_FORM = re.compile(r"before_exit(?::([1-9][0-9]{0,4}))?(:or_fail)?", re.ASCII)
_DEFAULT_SECONDS = 60


@dataclass(frozen=True)
class Flush:
    """What a run does before it ends."""

    seconds: int
    """How long it waits."""
    or_fail: bool
    """Whether it fails if a sink has not acknowledged by then."""


@dataclass(frozen=True)
class Flushed:
    """What came of it."""

    problem: str
    """Which sinks have not acknowledged and why; empty when all have."""
    fails: bool
    """Whether the run must fail for it."""


def flush_of(environ: Mapping[str, str]) -> Flush | None:
    """Return what `BREAKGLASS_AUDIT_FLUSH` asks for: `before_exit[:SECONDS][:or_fail]`; raises UnusableSink."""
    text = environ.get(VARIABLE)
    if not text:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise UnusableSink(f"{VARIABLE} must be before_exit, before_exit:SECONDS or before_exit:SECONDS:or_fail.")
    return Flush(int(found[1] or _DEFAULT_SECONDS), or_fail=found[2] is not None)


def flush(environ: Mapping[str, str], journal: Path, streams: Sequence[str]) -> Flushed:
    """Wait as asked, for every sink of `BREAKGLASS_SINKS`. The shipper must have been started.

    Args:
        environ: of the run.
        journal: its directory.
        streams: the run's, paths relative to the journal with `.jsonl`.

    Raises:
        UnusableSink: one of the variables is wrong.
        BreakglassError: the journal can't be read.
    """
    wanted = flush_of(environ)
    if wanted is None:
        return Flushed("", fails=False)
    sinks = configured_sinks(environ)
    if not sinks:
        return Flushed(f"{VARIABLE} is set, but BREAKGLASS_SINKS names no sinks.", fails=wanted.or_fail)
    missing = await_all(journal, sinks, streams, wanted.seconds)
    if not missing:
        return Flushed("", fails=False)
    text = f"Not acknowledged by every sink within {wanted.seconds} s. {sentence(missing)}"
    return Flushed(text, fails=wanted.or_fail)
