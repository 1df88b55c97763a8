# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that no repair is run twice, whatever died in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.timeline import Event

KNOWN: Final = frozenset({"ok", "failed", "timed-out", "not-started"})


def done_twice(starts: int, events: Sequence[Event]) -> str:
    """Why some of so many starts should not have been; empty when each was an attempt's own, and the end of the one before was seen."""
    attempts = sum(event.kind == "play.intent" for event in events)
    ends = [str(event.body["outcome"]) for event in events if event.kind == "play.ended"]
    if starts > max(attempts, 1):
        return f"{starts} starts in {attempts} attempts"
    unseen = [end for end in ends[: attempts - 1] if end not in KNOWN]
    return f"another start after an attempt that ended as {unseen}" if starts > 1 and unseen else ""
