# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints on the disk, beside their stream: `play-1.jsonl` has `play-1.12.checkpoint` for its first 12 records."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import durable

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".checkpoint"
_NAME = re.compile(r"(.+)\.(0|[1-9][0-9]{0,17})\.checkpoint", re.DOTALL)
LARGEST_NOTE = 64 * 1024


class CheckpointConflict(BreakglassError):
    """Raised when another checkpoint of the same size is there already."""


class UnwritableCheckpoint(BreakglassError):
    """Raised when a checkpoint could not be brought to the disk."""


class UnreadableCheckpoint(BreakglassError):
    """Raised when the system refuses to read a checkpoint."""


def checkpoint_path(stream: Path, size: int) -> Path:
    """Return where the checkpoint of a stream's first `size` records is kept."""
    return stream.with_name(f"{stream.stem}.{size}{SUFFIX}")


def stream_of(checkpoint: Path) -> tuple[Path, int] | None:
    """Return the stream and size that a checkpoint's name says; None when it says nothing."""
    match = _NAME.fullmatch(checkpoint.name)
    return (checkpoint.with_name(f"{match[1]}.jsonl"), int(match[2])) if match else None


def write_checkpoint(stream_path: Path, note: str, size: int) -> Path:
    """Keep a note beside its stream (0600). When this returns, it is on the disk; the same note again is fine.

    Raises:
        CheckpointConflict: another note of that size is there.
        UnwritableCheckpoint: the system refuses.
    """
    path = checkpoint_path(stream_path, size)
    try:
        durable.publish(path, note.encode())
    except FileExistsError as error:
        if _read(path) != note:
            raise CheckpointConflict(
                f"Another checkpoint is at {path}. Two different checkpoints of one size mean two histories: verify."
            ) from error
    except OSError as error:
        raise UnwritableCheckpoint(f"The checkpoint {path} can't be written: {error.strerror}.") from error
    return path


def sizes(stream_path: Path) -> list[int]:
    """Return the sizes that the checkpoints beside a stream are named for, ascending; their content is not read."""
    found = (stream_of(path) for path in stream_path.parent.glob(f"*{SUFFIX}"))
    return sorted(size for owner, size in filter(None, found) if owner.name == stream_path.name)


def read_checkpoints(stream_path: Path) -> list[tuple[int, str]]:
    """Return size and note of every checkpoint beside a stream, ascending. Nothing is checked here.

    Bytes that are not UTF-8 come as lone surrogates, which no valid note has.

    Raises:
        UnreadableCheckpoint: the system refuses.
    """
    return [(size, _read(checkpoint_path(stream_path, size))) for size in sizes(stream_path)]


def _read(path: Path) -> str:
    try:
        # As streams are read: a link is not followed, and a pipe of a checkpoint's name must not make anybody wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableCheckpoint(f"The checkpoint {path} can't be read: it is not a plain file.")
            return file.read(LARGEST_NOTE).decode(errors="surrogateescape")
    except OSError as error:
        raise UnreadableCheckpoint(f"The checkpoint {path} can't be read: {error.strerror}.") from error
