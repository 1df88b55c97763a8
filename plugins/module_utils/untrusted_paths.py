# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in directories that a compromised user owns: taken away and put back without following a link of theirs.

The way is walked directory by directory. Where only root can write, links are root's and are followed. From the first
directory on that others can write, nothing is followed: a link on the way is itself what is taken away.
"""

from __future__ import annotations

import base64
import os
import stat
from dataclasses import dataclass
from typing import Any

from . import file_attributes

LARGEST = 1024 * 1024
MOST_STEPS = 100
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OTHERS_MAY_WRITE = 0o022


class UnsafePath(Exception):
    """Raised when a way cannot be walked safely, or something stands where a file has to be put back."""


@dataclass
class Place:
    """A name in a directory that is held open; close it.

    Attributes:
        directory: The descriptor of the directory.
        name: The name in it: the last of the path, or a link of somebody else's on the way.
        path: How people call it.
    """

    directory: int
    name: str
    path: str

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self.directory)


def reach(path: str) -> Place | None:
    """Walk to a path; None when there is nothing on the way. Raises UnsafePath for a way that does not end."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    here, walked, trusted = os.open("/", DIRECTORY), "", True
    try:
        for _step in range(MOST_STEPS):
            trusted = trusted and _roots_alone(here)
            name = parts.pop(0)
            if name == "..":
                raise UnsafePath(f"{path} goes upwards.")
            status = _status(here, name)
            if status is None:
                return None
            if stat.S_ISLNK(status.st_mode) and trusted:
                target = os.readlink(name, dir_fd=here)
                joined = os.path.normpath(target if target.startswith("/") else f"/{walked}{target}")
                parts = [part for part in joined.split("/") if part] + parts
                os.close(here)
                here, walked = os.open("/", DIRECTORY), ""
            elif not parts or stat.S_ISLNK(status.st_mode):
                place = Place(here, name, f"/{walked}{name}")
                here = -1
                return place
            elif not stat.S_ISDIR(status.st_mode):
                return None
            else:
                below = os.open(name, DIRECTORY, dir_fd=here)
                os.close(here)
                here, walked = below, f"{walked}{name}/"
    except (NotADirectoryError, FileNotFoundError):
        return None  # it was taken away, or became a link, while we came; the next look finds what it is
    finally:
        if here >= 0:
            os.close(here)
    raise UnsafePath(f"{path} does not end.")


def look(place: Place) -> dict[str, Any] | None:
    """All that is needed to put a file or link back; None for what is neither, or is gone. A large file's text is not kept."""
    status = _status(place.directory, place.name)
    if status is None or not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    found: dict[str, Any] = {
        "path": place.path,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mtime_ns": status.st_mtime_ns,
    }
    if stat.S_ISLNK(status.st_mode):
        return {**found, "link": os.readlink(place.name, dir_fd=place.directory)}
    descriptor = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.directory)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        kept = status.st_size <= LARGEST
        text = _text(file.read(LARGEST)) if kept else None
        carried = {name: _text(value) for name, value in file_attributes.read(file.fileno()).items()}
        return {**found, "mode": stat.S_IMODE(status.st_mode), "content": text, "attributes": carried}


def take(place: Place) -> None:
    """Take a file or link away: its name, and nothing that it points to."""
    os.unlink(place.name, dir_fd=place.directory)


def put_back(found: dict[str, Any]) -> None:
    """Put it where it was, with owner, mode, time, text, access list and label; raises UnsafePath when anything else is there, or the way is not."""
    directory, _slash, name = found["path"].rpartition("/")
    held = reach(directory) if directory else None
    if held is None:
        raise UnsafePath(f"{directory} is not there any more, so {name} can't be put back into it.")
    try:
        parent = os.open(held.name, DIRECTORY, dir_fd=held.directory)
    except OSError:
        raise UnsafePath(f"{held.path} is no directory any more, so {name} can't be put back into it.") from None
    finally:
        held.close()
    try:
        place = Place(parent, name, found["path"])
        there = look(place)
        if there is not None and {name: there.get(name) for name in found} == found:
            return
        if _status(parent, name) is not None:
            raise UnsafePath(f"Something else is at {found['path']} now; take it away first.")
        _make(parent, name, found)
    finally:
        os.close(parent)


def _make(parent: int, name: str, found: dict[str, Any]) -> None:
    times = (found["mtime_ns"], found["mtime_ns"])
    if "link" in found:
        os.symlink(found["link"], name, dir_fd=parent)
        os.chown(name, found["uid"], found["gid"], dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)
        return
    if found["content"] is None:
        raise UnsafePath(f"{found['path']} was too large to be kept, and can't be put back.")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
        file.write(base64.b64decode(found["content"]))
        file.flush()
        os.fchown(file.fileno(), found["uid"], found["gid"])
        carried = {name: base64.b64decode(value) for name, value in found.get("attributes", {}).items()}
        file_attributes.give(file.fileno(), carried)
        os.fchmod(file.fileno(), found["mode"])
        os.fsync(file.fileno())
        os.utime(file.fileno(), ns=times)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _roots_alone(directory: int) -> bool:
    status = os.fstat(directory)
    return status.st_uid == 0 and not status.st_mode & OTHERS_MAY_WRITE


def _status(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
