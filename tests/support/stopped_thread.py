# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping one thread of another process, and no other, by ptrace(2): it hangs as hard as a thread can.

It must be stopped and let go by the same thread of the test.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17  # linux/ptrace.h
ANY_CHILD = 0x40000000  # __WALL of waitpid(2)
TRIES = 20
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


@contextmanager
def stopped(thread: int, others_work: Callable[[], bool]) -> Iterator[None]:
    """Keep a thread (its number is the kernel's) stopped in this block.

    One that was met while it held the interpreter's lock would stop all others with it, so it is let go and met again.
    """
    for _ in range(TRIES):
        _stop(thread)
        if others_work():
            break
        _let_go(thread)
    else:
        raise AssertionError("the other threads never worked without this one")
    try:
        yield
    finally:
        _let_go(thread)


def bury(threads: Iterable[int]) -> None:
    """See off those of the stopped threads that have died meanwhile: their process is not gone before."""
    for thread in threads:
        with suppress(ChildProcessError):
            os.waitpid(thread, ANY_CHILD | os.WNOHANG)


def _stop(thread: int) -> None:
    _ptrace(SEIZE, thread)
    _ptrace(INTERRUPT, thread)
    os.waitpid(thread, ANY_CHILD)


def _let_go(thread: int) -> None:
    with suppress(ProcessLookupError):  # it has died
        _ptrace(DETACH, thread)


def _ptrace(request: int, thread: int) -> None:
    if LIBC.ptrace(request, thread, None, None):
        raise OSError(ctypes.get_errno(), f"ptrace({request:#x}, {thread})")
