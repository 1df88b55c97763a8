# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread at a time. Who has waited longest is next; and of two lines, each has every second turn."""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum


class Line(Enum):
    """Who waits: what comes from outside, and the work on it. Neither keeps the other from going on."""

    DOOR = "door"
    WORK = "work"


class Turns:
    """A lock whose waiters are served in the order in which they came, from both lines by turns.

    `threading.Lock` gives its turn to whoever comes at the right moment, often the one that had it just now.
    """

    def __init__(self) -> None:
        self._own = threading.Lock()
        self._taken = False
        self._waiting: dict[Line, deque[threading.Lock]] = {line: deque() for line in Line}
        self._last = Line.WORK

    def acquire(self, timeout: float, line: Line = Line.WORK) -> bool:
        """Wait for so many seconds at most (0: not at all); whether it is the caller's turn now."""
        with self._own:
            if not self._taken:
                self._taken, self._last = True, line
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting[line].append(mine)
        if mine.acquire(timeout=max(timeout, 0.0)):
            return True
        with self._own:
            if mine in self._waiting[line]:
                self._waiting[line].remove(mine)
                return False
        return True  # it was given at the very moment at which patience ended

    def release(self) -> None:
        """Give it to who has waited longest, in the other line than the last time if somebody is there."""
        with self._own:
            order = sorted(Line, key=lambda line: line is self._last)
            following = next((line for line in order if self._waiting[line]), None)
            if following is None:
                self._taken = False
                return
            self._last = following
            self._waiting[following].popleft().release()
