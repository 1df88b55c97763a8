# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting files in their places one by one, each in one step, with what was there kept beside; and the way back.

What is kept is the very file that was there: its owner, attributes and label stay on it, so that it can come back as it was.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import file_attributes
from .config_tree import UnusableTree, require_roots_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .config_tree import Change, Entry

KEPT_MODE = 0o600
OF_NEW_DIRECTORIES = 0o755


@dataclass(frozen=True)
class Done:
    """What was done to one path, enough to take it back.

    Attributes:
        path: Where.
        action: `replace`, `create` or `remove`.
        kept: Where the one that was there is; empty when there was none.
        mode: Its permissions then; -1 for a link.
    """

    path: str
    action: str
    kept: str
    mode: int


def apply(changes: Sequence[Change], stamp: str, new_mode: int, label: Callable[[str, str], None]) -> list[Done]:
    """Make every change, or none: when one can't be made, those before it are taken back. Raises UnusableTree, OSError.

    Args:
        changes: What to do.
        stamp: The time, for the names of what is kept.
        new_mode: Permissions of a new file that nobody knows those of.
        label: Gives a new file the label that its place wants, by the file and the place.
    """
    for change in changes:
        _require_usable(change)
    done: list[Done] = []
    try:
        for change in changes:
            done.append(_make(change, stamp, new_mode, label))  # noqa: PERF401 (a failure must know what was done)
    except BaseException:
        take_back(done)
        raise
    return done


def take_back(done: Sequence[Done]) -> None:
    """Put everything back as it was, the last change first; raises OSError."""
    for one in reversed(done):
        if one.action == "create":
            Path(one.path).unlink(missing_ok=True)
        else:
            if one.mode >= 0:
                Path(one.kept).chmod(one.mode)
            Path(one.kept).replace(one.path)
        _sync_directory(Path(one.path))


def write_like(path: str, new: Entry, old: str | None, new_mode: int) -> None:
    """Write a file or link at a path where nothing is, with owner, attributes and permissions of what is at `old`."""
    if new.content is None:
        Path(path).symlink_to(new.target)
        if new.uid is not None and new.gid is not None and os.geteuid() == 0:
            os.lchown(path, new.uid, new.gid)
        return
    before = os.lstat(old) if old and not Path(old).is_symlink() else None
    uid, gid = (before.st_uid, before.st_gid) if before else (new.uid, new.gid)
    mode = stat.S_IMODE(before.st_mode) if before else new.mode if new.mode is not None else new_mode
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(new.content)
        if uid is not None and gid is not None and os.geteuid() == 0:
            os.fchown(file.fileno(), uid, gid)
        if old and before:
            file_attributes.copy(old, path)
        os.fchmod(file.fileno(), mode & 0o1777)
        file.flush()
        os.fsync(file.fileno())


def _require_usable(change: Change) -> None:
    there = next(parent for parent in Path(change.path).parents if os.path.lexists(parent))
    require_roots_alone(str(there / "any"))
    if change.old is None:
        return
    _drop_unfinished(Path(change.path))
    if change.old.content is not None and os.lstat(change.path).st_nlink > 1:
        raise UnusableTree(f"{change.path} has several names (hard links), so it can't be replaced with certainty.")


def _make(change: Change, stamp: str, new_mode: int, label: Callable[[str, str], None]) -> Done:
    path = Path(change.path)
    if change.old is None:
        _make_directories(path.parent, label)
    kept, mode = None, -1
    if change.old is not None:
        kept = _free_name(path.with_name(f".{path.name}.refused-{stamp}"))
        mode = stat.S_IMODE(path.lstat().st_mode) if change.old.content is not None else -1
    if change.new is None:
        path.rename(kept or path)
    else:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
        try:
            write_like(str(beside), change.new, change.path if kept else None, new_mode)
            if kept:
                file_attributes.require_label_of(change.path, str(beside))
                os.link(path, kept, follow_symlinks=False)
            else:
                label(str(beside), change.path)
            beside.rename(path)
        except BaseException:
            for made in filter(None, (beside, kept)):
                with suppress(OSError):
                    made.unlink()
            raise
    if kept and mode >= 0:
        kept.chmod(KEPT_MODE)
    _sync_directory(path)
    return Done(change.path, change.action, str(kept or ""), mode)


def _make_directories(directory: Path, label: Callable[[str, str], None]) -> None:
    if not directory.is_dir():
        _make_directories(directory.parent, label)
        directory.mkdir(OF_NEW_DIRECTORIES)
        label(str(directory), str(directory))


def _drop_unfinished(path: Path) -> None:
    """A second name that we gave a file, when a run was killed before it replaced it."""
    for other in path.parent.iterdir():
        if other.name.startswith(f".{path.name}.refused-") and os.path.samestat(other.lstat(), path.lstat()):
            other.unlink()


def _free_name(wanted: Path) -> Path:
    name, number = wanted, 1
    while os.path.lexists(name):
        number += 1
        name = wanted.with_name(f"{wanted.name}-{number}")
    return name


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
