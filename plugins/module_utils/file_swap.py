# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a file in one step with its owner kept, after what was there was put aside; and putting that back."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from . import file_attributes

MANIFEST = "manifest.json"
Label = Callable[[str, str], None]
"""Gives a new file the label that its place wants, by the file and the place."""


class UnusableFile(Exception):
    """Raised when something that is no plain file is in the way, or a directory is missing."""


@dataclass(frozen=True)
class Found:
    """What was at a path.

    Attributes:
        path: Where.
        there: Whether there was a file.
        uid: Its owner.
        gid: Its group.
        mode: Its permissions.
    """

    path: str
    there: bool
    uid: int = 0
    gid: int = 0
    mode: int = 0o600


def look(path: str) -> Found:
    """What is at a path; raises UnusableFile for a link, a directory, or where there is no directory to write into."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        if not Path(path).parent.is_dir():
            raise UnusableFile(f"There is no directory {Path(path).parent}.") from None
        return Found(path, there=False)
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFile(f"{path} is no plain file. If it is a link, name what it points to.")
    return Found(path, True, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def content(path: str) -> bytes:
    """The bytes of a plain file, never through a link as its last part."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def keep(found: list[Found], directory: Path) -> None:
    """Put aside what is at these paths, before anything is changed; on the disk when this returns."""
    directory.mkdir(mode=0o700)
    for number, one in enumerate(found):
        if one.there:
            _write(directory / str(number), content(one.path), 0, 0, 0o600)
    _write(directory / MANIFEST, json.dumps([asdict(one) for one in found]).encode(), 0, 0, 0o600)


def restore(directory: Path, label: Label) -> list[str]:
    """Put back what was kept, with owner, mode and what else they carry, and remove what was not there; gives the paths that were changed."""
    changed = []
    kept = [Found(**one) for one in json.loads((directory / MANIFEST).read_text(encoding="utf-8"))]
    for number, one in enumerate(kept):
        now = look(one.path)
        if not one.there:
            if now.there:
                Path(one.path).unlink()
                changed.append(one.path)
            continue
        old = content(str(directory / str(number)))
        if now != one or content(one.path) != old:
            replace(one, old, label)
            changed.append(one.path)
    return changed


def replace(wanted: Found, new: bytes, label: Label) -> None:
    """Write a file beside it and rename it over what is there: whoever reads sees the old or the new one, whole.

    It carries what the one there does: access lists, the label of SELinux. Where none is, `label` gives it that of its place.
    """
    beside = Path(wanted.path).with_name(f".{secrets.token_hex(8)}.new")
    try:
        _write(beside, new, wanted.uid, wanted.gid, wanted.mode)
        if Path(wanted.path).exists():
            file_attributes.copy(wanted.path, str(beside))
            file_attributes.require_label_of(wanted.path, str(beside))
            beside.chmod(wanted.mode)  # an access list carries its own
        else:
            label(str(beside), wanted.path)
        beside.replace(wanted.path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    directory = os.open(Path(wanted.path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write(path: Path, new: bytes, uid: int, gid: int, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        if (uid, gid) != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        file.write(new)
        file.flush()
        os.fsync(file.fileno())
