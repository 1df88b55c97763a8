# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to wait before the next try. Pure."""

from __future__ import annotations

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
LONGEST_ASKED_SECONDS = 300.0
_MOST_DOUBLINGS = 10


def pause(failures: int, asked_seconds: float | None, chance: float) -> float:
    """Return seconds: doubled with each failure in a row up to a minute, and spread so that not all come at once.

    Args:
        failures: How many tries in a row have failed, at least 1.
        asked_seconds: What the receiver asks for (`Retry-After`), heeded up to five minutes.
        chance: Between 0 and 1.
    """
    full = min(FIRST_SECONDS * (1 << min(failures - 1, _MOST_DOUBLINGS)), LONGEST_SECONDS)
    spread = full / 2 + full / 2 * chance
    return max(spread, min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS))
