# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a session may fill the journal: a burst, then no faster than a steady rate. Who says more is held up, and loses nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

BURST_BYTES: Final = 4 * 1024 * 1024
BYTES_A_SECOND: Final = 256 * 1024


@dataclass
class Pace:
    """A bucket that fills at a steady rate."""

    burst: float = BURST_BYTES
    rate: float = BYTES_A_SECOND
    _left: float = field(init=False)
    _at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """It begins full."""
        self._left = self.burst

    def delay(self, size: int, now: float) -> float:
        """Take so many bytes out now; the seconds to wait until they may be written."""
        self._left = min(self.burst, self._left + (now - self._at) * self.rate) - size
        self._at = now
        return max(0.0, -self._left / self.rate)

    async def wait(self, size: int) -> None:
        """Wait until so many bytes may be written."""
        if (seconds := self.delay(size, time.monotonic())) > 0:
            await asyncio.sleep(seconds)
