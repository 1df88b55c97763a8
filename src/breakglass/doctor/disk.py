# SPDX-License-Identifier: GPL-3.0-or-later
"""Places on the disk that the runner needs: can they be written, do they last, how long does a sync take, what is free?"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_FREE: Final = 256 * 1024 * 1024
"""Bytes below which a place counts as full: an incident's records are some 100 kB."""

FORGETFUL: Final = frozenset({"tmpfs", "ramfs"})
MOUNTS: Final = Path("/proc/self/mountinfo")
_BLOCK: Final = b"x" * 1536  # as long as a usual record
_SYNCS: Final = 9


@dataclass(frozen=True)
class Place:
    """A directory that is there, or the nearest one above where one would be made.

    Attributes:
        wanted: The directory that the settings name.
        directory: The one that is there.
    """

    wanted: Path
    directory: Path

    @classmethod
    def of(cls, wanted: Path) -> Place:
        """Find it. Raises OSError where the system does not let us look."""
        there = next(path for path in (wanted, *wanted.parents) if path.exists())
        return cls(wanted, there)

    @property
    def is_there(self) -> bool:
        """Whether the directory itself is there."""
        return self.wanted == self.directory

    def trouble(self) -> str:
        """Why nothing can be written there; empty when it can."""
        if not self.directory.is_dir():
            return f"{self.directory} is no directory"
        if os.access(self.directory, os.W_OK | os.X_OK):
            return ""
        what = "can't be written" if self.is_there else f"is not there and can't be made in {self.directory}"
        return f"{self.wanted} {what} by the user {os.geteuid()}"

    @property
    def free(self) -> int:
        """Bytes that are free for us. Raises OSError."""
        status = os.statvfs(self.directory)
        return 0 if status.f_files and not status.f_favail else status.f_bavail * status.f_frsize

    def sync_seconds(self) -> float:
        """How long a record takes to reach the disk, as a median; leaves nothing behind.

        Raises:
            OSError: The file system takes no file, or no sync.
        """
        with closing(_Scratch(self.directory)) as scratch:
            return statistics.median(scratch.append() for _ in range(_SYNCS))

    def file_system(self, mounts: Path = MOUNTS) -> str:
        """The kind of the file system, as `ext4`; empty where the system does not tell."""
        try:
            lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        device = self.directory.stat().st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        return next((kind for number, kind in _mounts(lines) if number == wanted), "")


class _Scratch:
    """A file without a name; where the file system has no such files, one that loses its name at once."""

    def __init__(self, directory: Path) -> None:
        try:
            self._descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError:
            self._descriptor, name = tempfile.mkstemp(prefix=".breakglass-doctor-", dir=directory)
            Path(name).unlink()

    def append(self) -> float:
        """Append one record, and give the seconds that took."""
        begin = time.perf_counter()
        os.write(self._descriptor, _BLOCK)
        os.fdatasync(self._descriptor)
        return time.perf_counter() - begin

    def close(self) -> None:
        os.close(self._descriptor)


def _mounts(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Device number and kind of each mount (proc_pid_mountinfo(5))."""
    for line in lines:
        before, _, after = line.partition(" - ")
        words, kinds = before.split(), after.split()
        if len(words) > len("dev") and kinds:
            yield words[2], kinds[0]


def size(number: int) -> str:
    """Bytes for people."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 (of the next unit)
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
