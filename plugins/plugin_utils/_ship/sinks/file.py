# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of JSON lines, for an agent that reads it. It may be rotated by renaming: it is opened for each batch."""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._lines import json_lines
from ._sink import Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..options import Options
    from ..parcel import Parcel

_BLOCK = 64 * 1024


@dataclass(frozen=True)
class FileSink:
    """Appends; acknowledges when the lines are on the disk."""

    path: Path
    most: int = 1000
    is_remote: bool = False

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Append the records' lines; raises Unacknowledged."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                self._append(descriptor, json_lines(parcels))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unacknowledged(f"The file {self.path} can't be written: {error.strerror}.") from None
        return len(parcels)

    def close(self) -> None:
        """Nothing is kept open."""

    def _append(self, descriptor: int, lines: bytes) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unacknowledged(f"{self.path} is not a plain file.")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(descriptor).st_size
        if (whole := _whole_lines(descriptor, size)) is not None:
            os.ftruncate(descriptor, whole)  # a line that was never acknowledged, left half by a death
        if os.write(descriptor, lines) != len(lines):
            raise Unacknowledged(f"The file {self.path} took only a part. Is the disk full?")
        os.fsync(descriptor)


def _whole_lines(descriptor: int, size: int) -> int | None:
    """Return where the last whole line ends, None if that is the end of the file."""
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return None
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        if (found := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def make(options: Options) -> FileSink:
    """Take the path of the file."""
    return FileSink(options.needed_file("path"))
