# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a stream's file from a known place to its end, and cutting off what a dead writer left half written.

A line counts when its newline is there: a record is acknowledged only after the whole line is on the disk.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO

from .._errors import BreakglassError
from .record import MAX_LINE, BrokenRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .chain import Chain

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Tail:
    """Where the whole lines of a file end, and what stands after them."""

    offset: int
    """Bytes of whole lines."""
    torn: int
    """Bytes after them, without a newline; 0 when the last writer finished its line."""
    sha256: str
    """Hex SHA-256 of those bytes."""


class BrokenLine(BreakglassError):
    """Raised when a line of a file does not continue its chain."""

    def __init__(self, line: int, why: str) -> None:
        """Name the line (from 1) and why it does not continue the chain."""
        super().__init__(f"line {line}: {why}")
        self.line = line


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines with their newlines; a piece without one is the torn end, or longer than any record."""
    while piece := file.readline(MAX_LINE + 1):
        yield piece


def follow(descriptor: int, chain: Chain, offset: int) -> Tail:
    """Take every whole line from `offset` on into the chain.

    Raises:
        BrokenLine: a line does not continue the chain.
        OSError: as the system says.
    """
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(offset)
        for piece in pieces(file):
            if not piece.endswith(b"\n"):
                return _torn(file, offset, piece, chain.size + 1)
            try:
                chain.follow(piece[:-1])
            except BreakglassError as error:
                raise BrokenLine(chain.size + 1, str(error)) from error
            offset += len(piece)
    return Tail(offset, 0, sha256(b"").hexdigest())


def cut(descriptor: int, tail: Tail) -> None:
    """Cut the torn bytes off. When this returns, they are gone from the disk.

    Raises:
        OSError: as the system says.
    """
    os.ftruncate(descriptor, tail.offset)
    os.fsync(descriptor)


def _torn(file: BinaryIO, offset: int, piece: bytes, line: int) -> Tail:
    size, hasher = len(piece), sha256(piece)
    while block := file.read(_BLOCK):
        if b"\n" in block:
            raise BrokenLine(line, str(BrokenRecord(f"A line is not a record: it has more than {MAX_LINE} bytes.")))
        size += len(block)
        hasher.update(block)
    return Tail(offset, size, hasher.hexdigest())
