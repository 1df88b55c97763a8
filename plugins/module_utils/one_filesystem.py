# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of one filesystem, found and removed without following a link and without leaving the mount that the search began on.

Every directory is opened from the one above it, as a directory and not through a link, and its mount is compared. So somebody who
swaps directories for links while we work leads us nowhere. Between the last look at a file and the removal of its name only those who may
write in its directory can put something else there, and they could have removed that themselves.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME | os.O_CLOEXEC
BLOCK = 512
DEEPEST = 40
MOST_ENTRIES = 500_000


@dataclass(frozen=True)
class Found:
    """A regular file below a directory.

    Attributes:
        parts: The names on the way to it, the last its own.
        device: The device that the kernel gives for it.
        inode: With the device, which file it is.
        size: What it takes on the disk, in bytes.
        links: How many names it has.
        changed: When its content and its status changed last, in nanoseconds: with these it is the file that was seen.
        touched: When it was changed or read last, in seconds.
    """

    parts: tuple[str, ...]
    device: int
    inode: int
    size: int
    links: int
    changed: tuple[int, int]
    touched: float


def open_directory(path: str, below: int | None = None) -> int:
    """Open a directory on whose way there is no link; raises OSError."""
    here = os.open("/", DIRECTORY) if below is None else os.dup(below)
    try:
        for part in path.split("/"):
            if part:
                there = os.open(part, DIRECTORY, dir_fd=here)
                os.close(here)
                here = there
    except OSError:
        os.close(here)
        raise
    return here


def mount_of(descriptor: int) -> int:
    """The number of the mount that an open file is on; a bind mount of the same filesystem has another one."""
    text = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("mnt_id:")))


def walk(
    root: int, mount: int, *, without: frozenset[str] = frozenset(), unlocked: bool = False, within: float = 60
) -> Iterator[Found]:
    """Every regular file below a directory, on its mount; at most half a million entries are looked at.

    Args:
        root: The open directory.
        mount: The mount that is not left.
        without: Names of directories that are not entered.
        unlocked: Leave directories alone that somebody has locked, as `systemd-tmpfiles` does.
        within: Seconds after which it stops.
    """
    limits = _Limits(mount, without, unlocked, time.monotonic() + within, iter(range(MOST_ENTRIES)))
    yield from _walk(root, (), limits)


@dataclass(frozen=True)
class _Limits:
    """Where a walk does not go, and when it ends."""

    mount: int
    without: frozenset[str]
    unlocked: bool
    deadline: float
    budget: Iterator[int]

    def bars(self, directory: int, parts: tuple[str, ...]) -> bool:
        return mount_of(directory) != self.mount or (self.unlocked and bool(parts) and _is_locked(directory))

    def reached(self) -> bool:
        return next(self.budget, None) is None or time.monotonic() > self.deadline


def _walk(directory: int, parts: tuple[str, ...], limits: _Limits) -> Iterator[Found]:
    if limits.bars(directory, parts):
        return
    device = os.fstat(directory).st_dev
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        if limits.reached():
            return
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield _found((*parts, name), status)
            is_below = stat.S_ISDIR(status.st_mode) and status.st_dev == device and name not in limits.without
            if not is_below or len(parts) >= DEEPEST:
                continue
            below = os.open(name, DIRECTORY, dir_fd=directory)
        except OSError:
            continue  # it went away, became a link, or is not to be read
        try:
            yield from _walk(below, (*parts, name), limits)
        except OSError:
            continue
        finally:
            os.close(below)


@contextmanager
def beside(root: int, found: Found, mount: int) -> Iterator[tuple[int, int]]:
    """The directory of a file and the file itself, both open; raises OSError when the way there is another one now."""
    directory = open_directory("/".join(found.parts[:-1]), root)
    try:
        descriptor = os.open(found.parts[-1], FILE, dir_fd=directory)
        try:
            if {mount_of(directory), mount_of(descriptor)} != {mount}:
                raise OSError("another filesystem has been mounted there")
            yield directory, descriptor
        finally:
            os.close(descriptor)
    finally:
        os.close(directory)


def why_left(root: int, found: Found, mount: int, *, act: bool) -> str:
    """Remove a file, if it is still the one that was found and nobody uses it; says in one word why it was left, else nothing.

    Args:
        root: The directory that it was found below.
        found: The file.
        mount: The mount that is not left.
        act: Whether it is removed, or only said what would be.
    """
    if found.links != 1:
        return "hard_links"
    try:
        with beside(root, found, mount) as (directory, descriptor):
            status = os.fstat(descriptor)
            if not _same(found, status):
                return "changed"
            if has_other_opener(descriptor):
                return "in_use"
            if act:
                if not _same(found, os.stat(found.parts[-1], dir_fd=directory, follow_symlinks=False)):
                    return "changed"
                os.unlink(found.parts[-1], dir_fd=directory)
    except FileNotFoundError:
        return "changed"
    except OSError:
        return "refused"
    return ""


def has_other_opener(descriptor: int) -> bool:
    """Whether anybody else has the file open or mapped: the kernel gives a lease for writing only when nobody has.

    Whoever opens it while we hold the lease waits until we close it, and SIGIO comes to us: let it be ignored. Filesystems without leases
    answer no.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _same(found: Found, status: os.stat_result) -> bool:
    """The same file, with one name and unchanged; that somebody has read it meanwhile does not matter."""
    seen = _found(found.parts, status)
    return stat.S_ISREG(status.st_mode) and (seen.device, seen.inode, seen.links, seen.changed) == (
        found.device,
        found.inode,
        found.links,
        found.changed,
    )


def _found(parts: tuple[str, ...], status: os.stat_result) -> Found:
    return Found(
        parts,
        status.st_dev,
        status.st_ino,
        status.st_blocks * BLOCK,
        status.st_nlink,
        (status.st_mtime_ns, status.st_ctime_ns),
        max(status.st_atime, status.st_mtime, status.st_ctime),
    )


def _is_locked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
