# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread at a time, and who has waited longest is next: in a storm nobody is overtaken again and again."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock whose waiters are served in the order in which they came.

    `threading.Lock` gives its turn to whoever comes at the right moment, often the one that had it just now.
    """

    def __init__(self) -> None:
        self._own = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for so many seconds at most (0: not at all); whether it is the caller's turn now."""
        with self._own:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=max(timeout, 0.0)):
            return True
        with self._own:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it was given at the very moment at which patience ended

    def release(self) -> None:
        """Give it to who has waited longest."""
        with self._own:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
