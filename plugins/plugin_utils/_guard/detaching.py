# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving the family of a run: what ends the run, or its terminal, does not end a process that looks after it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet


def in_a_process_of_its_own(work: Callable[[], object], last_resort: Callable[[], object]) -> None:
    """Fork twice and have the grandchild, in a session of its own, do the work and end; returns once it is on its way.

    Nothing of Ansible's may run in it: whatever escapes from the work ends in `last_resort` and then in the process's end.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            work()
    except BaseException:  # noqa: BLE001
        last_resort()
        os._exit(1)
    os._exit(0)


def leave_run(keep: AbstractSet[int]) -> None:
    """Let go of the run's directory, terminal and every descriptor but these; survive its interrupts."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    kept = sorted({0, 1, 2} | keep)
    for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)
