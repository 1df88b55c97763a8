# SPDX-License-Identifier: GPL-3.0-or-later
"""When a lease that is over may be taken over: after it was seen so for a while, with the database answering all along.

Its owner ends its plays before its lease is over. The while on top of that is for a database that was away, or whose
clock has jumped: whoever works still renews its leases at once, and nobody has taken them meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

TAKE_OVER_SECONDS = 3.0


class Ripening:
    """What one runner has seen of leases that are over."""

    def __init__(self) -> None:
        self._seen_first: dict[str, float] = {}

    def look(self, expired: Collection[str], now: float) -> frozenset[str]:
        """Take in which leases are over, at a moment (seconds of a steady clock); returns those that are ripe."""
        self._seen_first = {incident: self._seen_first.get(incident, now) for incident in expired}
        return frozenset(name for name, first in self._seen_first.items() if now - first >= TAKE_OVER_SECONDS)

    def forget(self) -> None:
        """The database did not answer: what was seen before counts no more."""
        self._seen_first.clear()
