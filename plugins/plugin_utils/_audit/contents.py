# SPDX-License-Identifier: GPL-3.0-or-later
"""What exactly runs: digests of a playbook and of a role, and the commit that was checked out where the playbook is.

The digest of a role is the one that plans and approvals name: SHA-256 over the canonical list of file names and digests.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from .._journal.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
REFERENCE = re.compile(r"ref: (refs/[^\s]{1,500})")
MOST_FILES = 5000
MOST_PARENTS = 64
LARGEST_REFERENCES = 16 * 1024 * 1024
_PIECE = 1024 * 1024


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex; raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def role_digest(directory: Path) -> str:
    """SHA-256 (hex) over names and contents of a role's files, compiled Python left out.

    Raises:
        OSError: It can't be read, has a link to a directory, whose content would not be bound, or too many files.
    """
    files = [[path.relative_to(directory).as_posix(), file_digest(path)] for path in _files(directory)]
    return sha256(canonical(sorted(files))).hexdigest()


def commit_of(directory: Path) -> str:
    """The commit that is checked out around a directory, read from `.git` alone; empty if there is none to be read."""
    try:
        git = _git(directory)
        return _resolve(git) if git else ""
    except (OSError, ValueError):
        return ""


def _files(directory: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    count = 0
    for parent, directories, names in os.walk(directory, onerror=fail):
        directories[:] = [name for name in directories if name != "__pycache__"]
        count += len(names)
        if count > MOST_FILES or any(Path(parent, name).is_symlink() for name in directories):
            raise OSError(None, "it has a link to a directory, or too many files")
        yield from (Path(parent, name) for name in names)


def _git(directory: Path) -> Path | None:
    """The directory of the working tree's own git files; `.git` is a file in a linked working tree or a submodule."""
    for place in [directory, *directory.parents][:MOST_PARENTS]:
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            pointer = git.read_text(encoding="utf-8")[:4096].strip()
            return (place / pointer.removeprefix("gitdir: ")) if pointer.startswith("gitdir: ") else None
    return None


def _resolve(git: Path) -> str:
    head = (git / "HEAD").read_text(encoding="utf-8")[:4096].strip()
    if COMMIT.fullmatch(head):
        return head
    found = REFERENCE.fullmatch(head)
    if not found or ".." in found[1]:
        return ""
    pointer = git / "commondir"
    shared = git / pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else git
    for place in (git, shared):
        loose = place / found[1]
        if loose.is_file():
            commit = loose.read_text(encoding="utf-8")[:128].strip()
            return commit if COMMIT.fullmatch(commit) else ""
    return _packed(shared / "packed-refs", found[1])


def _packed(path: Path, reference: str) -> str:
    if not path.is_file() or path.stat().st_size > LARGEST_REFERENCES:
        return ""
    for line in path.read_text(encoding="utf-8").splitlines():
        commit, _blank, name = line.partition(" ")
        if name == reference and COMMIT.fullmatch(commit):
            return commit
    return ""
