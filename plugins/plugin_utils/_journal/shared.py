# SPDX-License-Identifier: GPL-3.0-or-later
"""What the process that writes a stream and the children that it forks know together, in memory that they share.

Two words of eight bytes, each stored and read as a whole. Whatever is stored is true at that moment and stays true, so a
late store of a smaller number does no harm: somebody syncs once more than needed.
"""

from __future__ import annotations

import mmap

_WORD = 8


class Shared:
    """How far a stream is on the disk, and whether a child could not bring it there."""

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, 2 * _WORD)).cast("Q")

    @property
    def is_broken(self) -> bool:
        """Whether a child could not bring the stream to the disk."""
        return self._words[0] != 0

    def report_broken(self) -> None:
        """Leave word that it could not."""
        self._words[0] = 1

    @property
    def synced(self) -> int:
        """The bytes from the stream's beginning that are on the disk, as far as anybody has told."""
        return self._words[1]

    def tell_synced(self, size: int) -> None:
        """Say that these bytes are on the disk: the file had them before a sync that went well."""
        self._words[1] = size
