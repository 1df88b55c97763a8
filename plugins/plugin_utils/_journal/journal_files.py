# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier's eyes: which files a journal has, and the lines of one of them. Follows no links, changes nothing."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .checkpoint_files import SUFFIX, stream_of
from .record import MAX_LINE, BrokenRecord, parse
from .tail import pieces

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class JournalFiles:
    """What is below a journal's directory."""

    streams: tuple[str, ...]
    """Paths of all streams, relative, sorted; the ledger too."""
    strays: tuple[str, ...]
    """Checkpoints that no stream is there for."""
    unreadable: tuple[str, ...]
    """What the system refused to show, with its reason."""


def list_files(directory: Path) -> JournalFiles:
    """List a journal's files."""
    unreadable: list[str] = []
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        unreadable.append(f"{error.filename}: {error.strerror}")

    for parent, _directories, names in os.walk(directory, onerror=refuse):
        found += [Path(parent, name) for name in names if name.endswith((".jsonl", SUFFIX))]
    streams = {path for path in found if path.suffix == ".jsonl"}
    strays = [path for path in found if path.suffix == SUFFIX and not _has_stream(path, streams)]
    return JournalFiles(_relative(directory, streams), _relative(directory, strays), tuple(unreadable))


def origin_of(path: Path) -> str | None:
    """Return the origin that a stream's first record has; None when there is no such record."""
    try:
        with open_plain(path) as file:
            return parse(file.readline(MAX_LINE).removesuffix(b"\n")).origin
    except (OSError, BrokenRecord):
        return None


def read_lines(path: Path, take: Callable[[bytes], None]) -> bytes:
    """Hand each line, without its newline, to `take`; return what stands after the last newline (at most one piece).

    Raises:
        OSError: the system refuses, or it is not a plain file.
    """
    held = b""
    with open_plain(path) as file:
        for piece in pieces(file):
            if held:  # longer than any record, and not the end: it counts as a line, and as a broken one
                take(held)
                held = b""
            if piece.endswith(b"\n"):
                take(piece[:-1])
            else:
                held = piece
    return held


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file to read it.

    Raises:
        OSError: the system refuses, it is a link, or it is not a plain file.
    """
    # O_NONBLOCK: a pipe of a stream's name must not make the verifier wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return os.fdopen(descriptor, "rb")


def _has_stream(checkpoint: Path, streams: set[Path]) -> bool:
    named = stream_of(checkpoint)
    return named is not None and named[0] in streams


def _relative(directory: Path, paths: set[Path] | list[Path]) -> tuple[str, ...]:
    return tuple(sorted(path.relative_to(directory).as_posix() for path in paths))
