# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration is made of: files and links by their path below a file or directory; and how two of them differ."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_BYTES = 32 * 1024 * 1024
MOST_FILES = 5000
OTHERS_MAY_WRITE = 0o022
STICKY = 0o1000
OURS = re.compile(r"\..+\.(?:refused-[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?|[0-9a-f]{16}\.new)", re.ASCII | re.DOTALL)
"""Names that we make beside a file: what was there before, and what is about to be."""


class UnusableTree(Exception):
    """Raised for what can't be read or put in place safely, in words for people."""


@dataclass(frozen=True)
class Entry:
    """A file or a link.

    Attributes:
        content: The bytes of a file; None for a link.
        target: Where a link points to.
        mode: Permissions of a file; None when nobody knows them.
        uid: Its owner; None when nobody knows it.
        gid: Its group.
    """

    content: bytes | None
    target: str = ""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None

    def says_the_same(self, other: Entry) -> bool:
        """Whether a program that reads it would find the same."""
        return (self.content, self.target) == (other.content, other.target)


Tree = dict[str, Entry]
"""Entries by their path below the root; of a root that is a file there is one, under the empty text."""


@dataclass(frozen=True)
class Change:
    """What has to be done to one path.

    Attributes:
        path: Where.
        new: What is to be there; None for nothing.
        old: What is there; None for nothing.
    """

    path: str
    new: Entry | None
    old: Entry | None

    @property
    def action(self) -> str:
        """One word for it."""
        return "remove" if self.new is None else "create" if self.old is None else "replace"


def read_tree(root: str) -> Tree | None:
    """Read a file, or a directory with all below it; None where nothing is. Raises UnusableTree, OSError.

    Nothing is followed. Git's own files and what we have put aside are left out.
    """
    try:
        status = os.lstat(root)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(status.st_mode):
        return {"": _file(root, status)}
    if not stat.S_ISDIR(status.st_mode):
        raise UnusableTree(f"{root} is neither a file nor a directory. If it is a link, name what it points to.")
    tree: Tree = {}
    size = 0
    for path in _below(root):
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            entry = Entry(None, str(Path(path).readlink()), None, status.st_uid, status.st_gid)
        elif stat.S_ISREG(status.st_mode):
            entry = _file(path, status)
            size += len(entry.content or b"")
        else:
            continue
        tree[os.path.relpath(path, root)] = entry
        if len(tree) > MOST_FILES or size > MOST_BYTES:
            raise UnusableTree(
                f"{root} is too large for a configuration: more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB."
            )
    return tree


def changes(root: str, now: Tree | None, good: Tree, *, remove_unknown: bool) -> list[Change]:
    """What makes the one the other; what only the present one has goes if that is wanted. Raises UnusableTree.

    A file keeps the owner and permissions that it has; only what is made anew gets those of the good version.
    """
    present = now or {}
    if now is not None and ("" in now) != ("" in good):
        raise UnusableTree(f"{root} is a file here and a directory in the good version, or the other way round.")
    found = []
    for name in sorted({*present, *good}):
        if any(parent in good or parent in present for parent in _parents(name)):
            raise UnusableTree(f"{root}/{name} is below something that is a file here or in the good version.")
        old, new = present.get(name), good.get(name)
        if new is None and not remove_unknown:
            continue
        if old is not None and new is not None and old.says_the_same(new):
            continue
        found.append(Change(f"{root}/{name}" if name else root, new, old))
    return found


def merged(now: Tree | None, good: Tree, *, remove_unknown: bool) -> Tree:
    """What is there after these changes."""
    return {**({} if remove_unknown else now or {}), **good}


def require_roots_alone(path: str) -> None:
    """Raise UnusableTree unless every directory on the way to a path is root's alone, and no link is on it.

    Root writes and reads there. Whoever could swap a part of the way would choose what root writes where.
    """
    for directory in [*reversed(Path(path).parents)]:
        require_roots_own(str(directory))
        if not stat.S_ISDIR(os.lstat(directory).st_mode):
            raise UnusableTree(f"{directory} on the way to {path} is a link: name what it points to.")


def require_roots_own(path: str) -> None:
    """Raise UnusableTree when somebody else than root owns this, or may write to it."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise UnusableTree(f"{path}: {error.strerror}.") from None
    others = status.st_mode & OTHERS_MAY_WRITE and not stat.S_ISLNK(status.st_mode) and not status.st_mode & STICKY
    if status.st_uid not in (0, os.geteuid()) or others:
        raise UnusableTree(f"{path} is not root's alone, so what is in it can't be believed.")


def _file(path: str, status: os.stat_result) -> Entry:
    if status.st_size > MOST_BYTES:
        raise UnusableTree(f"{path} is too large for a configuration: more than {MOST_BYTES >> 20} MiB.")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnusableTree(f"{path} is no plain file any more.")
        return Entry(file.read(MOST_BYTES), "", stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _below(root: str) -> Iterator[str]:
    def fail(error: OSError) -> None:
        raise error

    for directory, directories, files in os.walk(root, onerror=fail):
        directories[:] = [name for name in directories if name != ".git"]
        links = [name for name in directories if Path(directory, name).is_symlink()]
        yield from (f"{directory}/{name}" for name in sorted([*files, *links]) if not OURS.fullmatch(name))


def _parents(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def paths_of(trees: Mapping[str, list[Change]]) -> list[str]:
    """The paths of all changes, in order."""
    return [change.path for found in trees.values() for change in found]
