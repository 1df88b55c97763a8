# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of sinks: read from their files each time that they are needed, so that a new one is taken up at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .._run.containers import is_open_to_others
from .sinks._sink import Unacknowledged

_LARGEST_BYTES = 65_536


def read_secret(path: Path) -> str:
    """Return a secret, without the white space around it.

    Raises:
        Unacknowledged: the file can't be read, is empty, or is open to others; the text never holds the content.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LARGEST_BYTES)
    except OSError as error:
        raise Unacknowledged(f"The secret file {path} can't be read: {error.strerror}.") from None
    others = stat.S_IRWXG | stat.S_IRWXO
    if not stat.S_ISREG(status.st_mode) or is_open_to_others(status, others, os.environ, Path("/")):
        raise Unacknowledged(f"The secret file {path} is open to others. Close it: chmod 600 {path}")
    secret = content.decode(errors="replace").strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise Unacknowledged(f"The secret file {path} holds no secret of one line of ASCII.")
    return secret
