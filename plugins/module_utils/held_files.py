# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are deleted but still open, so that they take space and nobody sees them: who holds them, and how to empty one.

Source: proc(5), /proc/PID/fd, /proc/PID/fdinfo and /proc/PID/mountinfo. A link of /proc is read before anything is asked of the file, so that
a file of a server that hangs is not touched.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
DELETED = " (deleted)"
BLOCK = 512
MAPPING_FIELDS = 6


@dataclass(frozen=True)
class Held:
    """One deleted file that is still open.

    Attributes:
        pid: A process that holds it.
        descriptor: Its number there.
        program: The name of the process, as it calls itself.
        path: Where the file was.
        identity: Device and inode.
        size: What it takes on the disk, in bytes.
        writable: Whether the process may write to it.
    """

    pid: int
    descriptor: int
    program: str
    path: str
    identity: tuple[int, int]
    size: int
    writable: bool


def device_of(mount: int, mountinfo: Path = PROC / "self" / "mountinfo") -> str:
    """The device of the filesystem of a mount, as major:minor; empty when there is no such mount."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    return next((words[2] for words in map(str.split, lines) if words and words[0] == str(mount)), "")


def open_paths() -> frozenset[str]:
    """The path of every file that a process other than this one has open."""
    return frozenset(link for _pid, _number, link in _links())


def deleted(device: str) -> list[Held]:
    """Every deleted regular file of a filesystem that a process has open, the largest first; each once."""
    found: dict[tuple[int, int], Held] = {}
    for pid, number, link in _links():
        if not link.endswith(DELETED):
            continue
        try:
            fields = _fields(PROC / str(pid) / "fdinfo" / str(number))
            if device_of(int(fields["mnt_id"]), PROC / str(pid) / "mountinfo") != device:
                continue
            status = (PROC / str(pid) / "fd" / str(number)).stat()
            program = (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
            access = int(fields["flags"], 8) & os.O_ACCMODE
        except (OSError, KeyError, ValueError):
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_nlink:
            continue
        identity = (status.st_dev, status.st_ino)
        held = Held(
            pid,
            number,
            program,
            link[: -len(DELETED)],
            identity,
            status.st_blocks * BLOCK,
            access in (os.O_WRONLY, os.O_RDWR),
        )
        if identity not in found or held.writable > found[identity].writable:
            found[identity] = held
    return sorted(found.values(), key=lambda one: -one.size)


def mapped_inodes() -> frozenset[int]:
    """The inodes of deleted files that are mapped into a process: emptying one of those would crash it."""
    found = set()
    for pid in _pids():
        try:
            text = (PROC / str(pid) / "maps").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            words = line.split(maxsplit=MAPPING_FIELDS - 1)
            if len(words) == MAPPING_FIELDS and words[-1].endswith(DELETED):
                found.add(int(words[4]))
    return frozenset(found)


def empty(held: Held) -> bool:
    """Empty a deleted file that is still open; no when it is another one by now. Raises OSError."""
    descriptor = os.open(f"/proc/{held.pid}/fd/{held.descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        same = (status.st_dev, status.st_ino) == held.identity
        if not same or status.st_nlink or not stat.S_ISREG(status.st_mode):
            return False
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
    return True


def _pids() -> Iterator[int]:
    for one in PROC.iterdir():
        if one.name.isdigit() and int(one.name) != os.getpid():
            yield int(one.name)


def _links() -> Iterator[tuple[int, int, str]]:
    """Every open file of every other process: process, number, and what /proc calls it."""
    for pid in _pids():
        try:
            descriptors = list((PROC / str(pid) / "fd").iterdir())
        except OSError:
            continue  # it has ended
        for descriptor in descriptors:
            with suppress(OSError):  # it was closed meanwhile
                yield pid, int(descriptor.name), str(descriptor.readlink())


def _fields(path: Path) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in path.read_text(encoding="ascii").splitlines() if ":\t" in line)
