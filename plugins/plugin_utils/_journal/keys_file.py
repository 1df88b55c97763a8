# SPDX-License-Identifier: GPL-3.0-or-later
"""The file `journal.keys`: the public keys that sign a journal's checkpoints, one verifier key a line.

Whoever can write this file can make a forged journal look signed: keep a copy away from the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import durable
from .public_key import BrokenKey, PublicKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME = "journal.keys"
"""The name that the file has in a journal's directory."""
_MAX_SIZE = 1024 * 1024


class MissingKeys(BreakglassError):
    """Raised when a file of public keys can't be read."""


class UnwritableKeys(BreakglassError):
    """Raised when a file of public keys can't be written."""


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """Read a file of public keys; empty lines and lines that begin with # are skipped.

    Raises:
        MissingKeys: the file can't be read.
        BrokenKey: a line is not a verifier key.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIZE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingKeys(f"No public keys can be read from {path}. Name the file that has them.") from error
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                keys.append(PublicKey.parse(line.strip()))
            except BrokenKey as error:
                raise BrokenKey(f"{path}, line {number}: {error}") from error  # pylint: disable=bad-exception-cause
    return tuple(keys)


def write_keys(path: Path, keys: Sequence[PublicKey]) -> None:
    """Write a file of public keys in the place of an older one. When this returns, it is on the disk.

    Raises:
        UnwritableKeys: the system refuses.
    """
    try:
        durable.make_directory(path.parent)
        durable.replace(path, "".join(f"{key.vkey()}\n" for key in keys).encode())
    except OSError as error:
        raise UnwritableKeys(f"The public keys can't be written to {path}: {error.strerror}.") from error
