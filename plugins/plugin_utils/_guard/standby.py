# SPDX-License-Identifier: GPL-3.0-or-later
"""A second process behind the guard: when the guard dies, it ends the run and closes the grant in its place.

It does nothing else, so that whatever kills the guard (its own fault, memory, a person) does not find it at work. Closing
must not depend on one process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ALL_IS_DONE = b"."


class Standby:
    """The guard's end of the pipe to it."""

    def __init__(self, writing: int) -> None:
        """Take the descriptor; `place` makes one."""
        self._writing = writing

    def dismiss(self) -> None:
        """The guard has done everything; the second process ends."""
        os.write(self._writing, ALL_IS_DONE)
        os.close(self._writing)


def place(stand_in: Callable[[], None]) -> Standby:
    """Fork the second process, which calls `stand_in` if this one dies before it dismisses it, and ends after that."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        code = 1
        try:
            os.close(writing)
            if not os.read(reading, 1):
                stand_in()
            code = 0
        finally:
            os._exit(code)
    os.close(reading)
    return Standby(writing)
