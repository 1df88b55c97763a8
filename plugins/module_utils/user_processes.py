# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of one user, found in /proc and ended by descriptors, so that no other process is hit by a number used again."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NOBODY = 2**32 - 1
STATE = 0
START_TIME = 19


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        pid: Its number.
        started: When, in ticks since the boot: with its number it is one process and no other.
    """

    pid: int
    started: int


def belonging(uid: int, proc: Path = PROC) -> list[Process]:
    """Every living process that runs as the user, in any of its identities, or was started in a login of theirs."""
    found = [_process(int(one.name), uid, proc) for one in proc.iterdir() if one.name.isdigit()]
    return [one for one in found if one is not None]


def end(uid: int, within: float) -> list[Process]:
    """Stop all of them first, so that none can start another, then kill them; again, until there are none. Gives who is left.

    Args:
        uid: The user, never 0.
        within: Seconds.
    """
    if uid <= 0:
        raise ValueError("the processes of root are not ended by this")
    deadline = time.monotonic() + within
    while left := belonging(uid):
        for one in left:
            _signal(one, uid, signal.SIGSTOP)
        for one in belonging(uid):
            _signal(one, uid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return belonging(uid)
        time.sleep(0.05)
    return []


def _signal(process: Process, uid: int, number: signal.Signals) -> None:
    """The descriptor is opened first, and then the process is looked at again: it can be no other from then on."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if _process(process.pid, uid, PROC) == process:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _process(pid: int, uid: int, proc: Path) -> Process | None:
    """The process if it is the user's and lives."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    users = next((line.split()[1:5] for line in status.splitlines() if line.startswith("Uid:")), [])
    is_theirs = str(uid) in users or _login(pid, proc) == uid
    return Process(pid, int(fields[START_TIME])) if is_theirs and fields[STATE] not in "ZX" else None


def _login(pid: int, proc: Path) -> int:
    """Who logged in at its beginning, as the kernel's audit keeps it, also of a shell that has become root."""
    try:
        return int((proc / str(pid) / "loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return NOBODY
