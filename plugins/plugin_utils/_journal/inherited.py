# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams and forked children: a child must never write to, nor keep locked, a stream of its parent.

A lock of flock(2) belongs to the open file, which a forked child shares: a worker that outlives its parent would keep
the stream busy. So a child closes its copies before anything else runs in it. (A child that executes another program
loses them anyway: they are opened with O_CLOEXEC.)
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Inheritable(Protocol):
    """Something with a descriptor that a forked child has to let go of."""

    def leave_to_parent(self) -> None:
        """Close this process's copy of the descriptor, without touching the parent's lock."""


# A hook of os.register_at_fork can't be taken back: one hook for all, over weak references, grows with nothing.
_open: list[weakref.ref[Inheritable]] = []


def watch(inheritable: Inheritable) -> None:
    """Make forked children of this process let go of it."""
    _open[:] = [known for known in _open if known() is not None]
    _open.append(weakref.ref(inheritable))


def _leave_all_to_parent() -> None:
    for known in _open:
        if (inheritable := known()) is not None:
            inheritable.leave_to_parent()
    _open.clear()


os.register_at_fork(after_in_child=_leave_all_to_parent)
