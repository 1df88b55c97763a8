# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold one secret each: only ever named, read when the secret is needed, and closed to others."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from pathlib import Path

MAXIMUM_SECRET_BYTES = 65_536


class UnreadableSecret(BreakglassError):
    """Raised when a secret's file is missing, empty, or open to others; the text never holds the content."""


def read_secret_file(path: Path) -> str:
    """Read a secret, without the white space around it; raises UnreadableSecret.

    The file must be a regular one that its group and others can't touch.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableSecret(f"The secret file {path} can't be read: {error.strerror}.") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UnreadableSecret(f"The secret {path} is not a regular file.")
        if mode & 0o077:
            raise UnreadableSecret(f"The secret file {path} is open to others. Close it: chmod 600 {path}")
        return _secret_text(os.read(descriptor, MAXIMUM_SECRET_BYTES + 1), path)
    finally:
        os.close(descriptor)


def _secret_text(content: bytes, path: Path) -> str:
    if len(content) > MAXIMUM_SECRET_BYTES:
        raise UnreadableSecret(f"The secret file {path} is larger than {MAXIMUM_SECRET_BYTES} bytes.")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise UnreadableSecret(f"The secret file {path} is not UTF-8 text.") from None
    if not secret:
        raise UnreadableSecret(f"The secret file {path} is empty.")
    return secret
