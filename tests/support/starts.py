# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that no repair is run twice, whatever died in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.timeline import Event

KNOWN: Final = frozenset({"ok", "failed", "timed-out", "not-started"})


def done_twice(starts: int, events: Sequence[Event], *, idempotent: bool) -> str:
    """Why some of so many starts should not have been; empty when each was an attempt's own, begun when the one before was over.

    Over is: its play has ended, and its grant is proven gone. An attempt whose end nobody has seen may be followed by another only
    where the remediation is idempotent, as it says itself.
    """
    attempts = sum(event.kind == "play.intent" for event in events)
    if starts > max(attempts, 1):
        return f"{starts} starts in {attempts} attempts"
    over = {"play.ended": 0, "grant.revoked": 0}
    begun, outcome = 0, ""
    for event in events:
        if event.kind in over:
            over[event.kind] += 1
            outcome = str(event.body.get("outcome", outcome))
        elif event.kind == "play.intent":
            if min(over.values()) < begun:
                return f"attempt {begun + 1} began before attempt {begun} was over"
            if starts > 1 and begun and outcome not in KNOWN and not idempotent:
                return f"attempt {begun + 1} began after one that ended as {outcome}"
            begun += 1
    return ""
