# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and ending every process of a run. A process group is not enough: Ansible's workers leave it (≥ 2.19)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 0.3
PAUSE_SECONDS = 0.01


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, also of those in sessions of their own."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent thread ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def descendants(of: int) -> set[int]:
    """Every living process below `of`, itself not included."""
    children: dict[int, list[int]] = {}
    for pid, parent, state in _table():
        if state != "Z":
            children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = [of]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo.extend(below)
    return found


def holders(path: Path) -> set[int]:
    """Every process but this one that has the file open, whoever started it."""
    try:
        wanted = path.stat()
    except OSError:
        return set()
    return {pid for pid in _pids() if pid != os.getpid() and _holds(pid, wanted)}


def carriers(variable: str, value: str) -> set[int]:
    """Every process but this one that was started with this variable in its environment, whoever its parent is now."""
    wanted = f"{variable}={value}".encode()
    return {pid for pid in _pids() if pid != os.getpid() and wanted in _environment(pid)}


class Kin:
    """The processes of a run that is not below this process: those that hold its lock, and all that is below them.

    A worker that was ended leaves its own children behind, below nobody: these are known by the run's mark in their
    environment, if the run has one. Once seen, a process stays in the family until it is dead.
    """

    def __init__(self, lock: Path, mark: tuple[str, str] | None = None, spared: frozenset[int] = frozenset()) -> None:
        """Take the lock's file, the run's mark (a variable and its value), and the processes not to be counted."""
        self._lock = lock
        self._mark = mark
        self._spared = spared
        self._seen: dict[int, int] = {}

    def alive(self) -> set[int]:
        """Those that live, this process and the spared ones excepted."""
        family = holders(self._lock)
        if self._mark is not None:
            family |= carriers(*self._mark)
        for pid in tuple(family):
            family |= descendants(pid)
        for pid in family - self._spared - {os.getpid()}:
            self._seen.setdefault(pid, _started(pid))
        return {pid for pid, started in self._seen.items() if started and _started(pid) == started}


def end_all(find: Callable[[], set[int]], limit_seconds: float) -> set[int]:
    """Ask the processes to end, then kill, until `find` finds none; returns those left when the limit is over."""
    deadline = time.monotonic() + limit_seconds
    _send(find(), signal.SIGTERM)
    polite_until = time.monotonic() + GRACE_SECONDS
    while left := find():
        if time.monotonic() > deadline:
            return left
        if time.monotonic() > polite_until:
            _send(left, signal.SIGKILL)
        _reap()
        time.sleep(PAUSE_SECONDS)
    _reap()
    return set()


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _started(pid: int) -> int:
    """When the process started (clock ticks since boot), 0 if it is gone or a zombie; tells a reused pid apart."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return 0 if fields[0] == "Z" else int(fields[19])
    return 0


def _table() -> list[tuple[int, int, str]]:
    rows = []
    for pid in _pids():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            rows.append((pid, int(fields[1]), fields[0]))
    return rows


def _holds(pid: int, wanted: os.stat_result) -> bool:
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat()
                if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    return False


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _send(pids: set[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
