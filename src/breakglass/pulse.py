# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a loop in a thread still turns: when its last turn began, and how long a turn may take at most.

A loop that can't reach Vault or the database goes on turning; one that hangs, or whose thread has died, does not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Pulse:
    """One loop's sign of life. Written by its thread, read by any.

    Attributes:
        name: Of the loop, as it stands in a sentence.
        longest: Seconds that a turn may take at most, with every wait in it that is as it should be.
    """

    def __init__(self, name: str, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.longest = longest
        self._clock = clock
        self._turned: float | None = None

    def turned(self) -> None:
        """A turn begins, or a long one has come a step further."""
        self._turned = self._clock()

    def hang(self) -> str:
        """A sentence if the last turn takes too long, else empty; a loop that has not been started does not hang."""
        turned = self._turned
        seconds = 0.0 if turned is None else self._clock() - turned
        if seconds <= self.longest:
            return ""
        return (
            f"The runner hangs: {self.name} has not turned for {seconds:.0f} s, and {self.longest:.0f} s is the most that "
            "a turn takes. Restart it, unless systemd does; what it was doing goes on after the restart."
        )
