# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of several hosts may come at once: one opens the grant or gets the certificate, the others find it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .directory import RunDirectory


@contextmanager
def one_at_a_time(run: RunDirectory) -> Iterator[None]:
    """Wait for the other workers of the run, and keep them waiting until the block has ended."""
    descriptor = os.open(run.root / "grant.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
