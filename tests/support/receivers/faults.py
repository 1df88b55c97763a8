# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receiver of a test can do wrong, one after the other."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(Enum):
    """One thing that goes wrong with one delivery."""

    HANG = "takes everything and never answers"
    DRIP = "answers a byte at a time, for ever"
    BUSY = "answers 429 with Retry-After"
    BROKEN = "answers 500"
    MOVED = "answers 302"
    UNKNOWN = "answers 401"
    GARBAGE = "answers something that is not its protocol"
    LOST_REPLY = "takes and keeps everything, and closes without an answer"
    CUT = "resets in the middle"
    PARTLY = "keeps everything, acknowledges a part"


class Script:
    """The faults of the next deliveries; when they are used up, all goes well. Safe to use from several threads."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = list(faults)
        self._lock = threading.Lock()

    def next(self) -> Fault | None:
        """The fault of this delivery."""
        with self._lock:
            return self._faults.pop(0) if self._faults else None

    @property
    def is_used_up(self) -> bool:
        """Whether every fault has happened."""
        with self._lock:
            return not self._faults
