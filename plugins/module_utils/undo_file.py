# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo files on a host: what was found before a change, for root's eyes only, on the disk before the change is made."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

DIRECTORY = Path("/var/lib/breakglass/undo")
OTHERS_MAY_WRITE = 0o022


class UntrustedFile(Exception):
    """Raised when an undo file, or a directory on its way, is not root's alone."""


def read(name: str, directory: Path = DIRECTORY) -> dict[str, Any] | None:
    """What was written under this name; None when there is nothing. Raises UntrustedFile."""
    path = directory / f"{name}.json"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS_MAY_WRITE:
            raise UntrustedFile(f"The undo file {path} is not root's alone: what it says can't be believed.")
        content = json.load(file)
    if not isinstance(content, dict):
        raise UntrustedFile(f"The undo file {path} holds something else than an undo.")
    return content


def write(name: str, content: dict[str, Any], directory: Path = DIRECTORY) -> Path:
    """Write it, mode 0600; when this returns it is on the disk. Raises UntrustedFile, OSError."""
    own_directory(directory)
    path = directory / f"{name}.json"
    write_file(path, json.dumps(content, indent=1, sort_keys=True) + "\n", 0o600)
    return path


def own_directory(directory: Path) -> None:
    """Make a directory that is root's alone, 0700, with the one above it. Raises UntrustedFile, OSError."""
    for part in (directory.parent, directory):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = part.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS_MAY_WRITE:
            raise UntrustedFile(f"{part} is no directory of root's alone: what is kept there would not be safe.")


def remove(name: str, directory: Path = DIRECTORY) -> None:
    """Remove it, if it is there."""
    (directory / f"{name}.json").unlink(missing_ok=True)


def write_file(path: Path, text: str, mode: int) -> None:
    """Put a file in its place in one step, on the disk when this returns; the directory must be root's. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
