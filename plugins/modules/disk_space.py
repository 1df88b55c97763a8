# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: disk_space
short_description: Removes what may go from a filesystem that is too full
description:
  - Works on the host. Removes files of the kinds that are allowed, kind after kind and the oldest first, until less than O(floor) percent are
    used, and no more than O(ceiling) percent of the filesystem in all.
  - Follows no link and leaves neither the filesystem nor the mount, also when somebody swaps directories for links meanwhile.
  - Files that somebody has open or mapped are left alone, and so are files with several names, because removing one of those frees nothing.
  - What is used is what C(df) shows, or the inodes, whichever is more.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Looks at the same files, removes none, and says what would have been freed.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host.
    platforms: posix
options:
  path:
    description: A directory of the filesystem, usually its mount point. No link may be on the way to it.
    type: str
    required: true
  floor:
    description: When fewer percent than this are used nothing is removed.
    type: int
    default: 80
  ceiling:
    description: The most that is removed, in percent of the size of the filesystem.
    type: int
    default: 50
  kinds:
    description: What may go. Without any it is only measured how much is used.
    type: list
    elements: str
    choices: [package_caches, temporary_files, core_dumps, rotated_logs, journal, deleted_files]
    default: [package_caches, temporary_files, rotated_logs, journal]
  temporary_days:
    description: For how many days a temporary file must not have been changed or read.
    type: int
    default: 10
  log_directories:
    description: Below which directories rotated logs and deleted log files are looked for.
    type: list
    elements: str
    default: [/var/log]
"""

EXAMPLES = r"""
- name: Make room
  breakglass.remediation.disk_space:
    path: /
    floor: 90
"""

RETURN = r"""
used_before:
  description: Percent that were used, rounded up.
  returned: success
  type: int
  sample: 100
used:
  description: Percent that are used now, rounded up; in check mode, that would be.
  returned: success
  type: int
  sample: 72
enough:
  description: Whether that is below the floor.
  returned: success
  type: bool
freed:
  description: What was removed, or in check mode would be, kind by kind.
  returned: success
  type: list
  elements: str
  sample: ['rotated_logs: 3 files, 512 MB']
freed_bytes:
  description: All of that, in bytes of the disk.
  returned: success
  type: int
freed_files:
  description: All of that, in files.
  returned: success
  type: int
left:
  description: What would have been removed but was left, by reason, with its number.
  returned: success
  type: list
  elements: str
  sample: [in_use 2, hard_links 1, ceiling 1]
held:
  description: The largest deleted files that are still open, with the processes that hold them.
  returned: success
  type: list
  elements: str
  sample: ['java (process 812): 4096 MB']
largest:
  description: Where most of the space is, when it is still too full.
  returned: success
  type: list
  elements: str
  sample: ['/srv/shop 4096 MB']
"""

import fcntl
import math
import os
import re
import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import held_files, one_filesystem, reclaimable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..module_utils.one_filesystem import Found
    from ..module_utils.reclaimable import Kind

MEGABYTE = 1_000_000
PERCENT = 100
SHOWN = 3
DEPTH = 2
LOOKED_FOR_SECONDS = 20
MOST_CANDIDATES = 100_000
APT_ARCHIVES = "/var/cache/apt/archives"


class Unreachable(Exception):
    """Raised when the filesystem can't be looked at; its text is the sentence for people."""


@dataclass
class Space:
    """What a filesystem has, in bytes, and inodes.

    Attributes:
        size: All of it.
        used: What is used.
        free: What those who are not root may still use.
        inodes: How many files it can have; 0 when it does not count them.
        inodes_free: How many more.
    """

    size: int
    used: int
    free: int
    inodes: int
    inodes_free: int

    @classmethod
    def of(cls, descriptor: int) -> Space:
        """The space of the filesystem of an open file."""
        found = os.fstatvfs(descriptor)
        unit = found.f_frsize
        used = (found.f_blocks - found.f_bfree) * unit
        return cls(found.f_blocks * unit, used, found.f_bavail * unit, found.f_files, found.f_favail)

    @property
    def percent(self) -> float:
        """What is used of what may be used, in percent, as `df` counts it; of the inodes if that is more."""
        space = PERCENT * self.used / (self.used + self.free) if self.used + self.free > 0 else 0.0
        inodes = PERCENT * (self.inodes - self.inodes_free) / self.inodes if self.inodes else 0.0
        return max(space, inodes)

    def give_back(self, size: int, inodes: int) -> None:
        """Count what has been freed, or would be."""
        self.used -= size
        self.free += size
        self.inodes_free += inodes


@dataclass
class Work:
    """One filesystem, what may go from it, and what has gone.

    Attributes:
        root: A directory of it, open.
        act: Whether anything is removed, or only counted.
        floor: Percent.
        most: Bytes that may be removed in all.
        space: What it has, as far as it was counted.
        freed: Bytes and files by kind.
        left: Files that were left, by reason.
    """

    root: int
    act: bool
    floor: int
    most: int
    space: Space
    freed: dict[str, list[int]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)

    @property
    def enough(self) -> bool:
        """Whether nothing more has to go."""
        return self.space.percent < self.floor

    @property
    def gone(self) -> int:
        """Bytes in all."""
        return sum(size for size, _files in self.freed.values())

    def allows(self, size: int) -> bool:
        """Whether as much may still go; otherwise that is counted as left."""
        if self.gone + size > self.most:
            self.left["ceiling"] += 1
            return False
        return True

    def count(self, kind: str, size: int, inodes: int) -> None:
        """Something of a kind has gone."""
        sizes = self.freed.setdefault(kind, [0, 0])
        sizes[0] += size
        sizes[1] += 1
        self.space.give_back(size, inodes)


def reclaim(work: Work, kinds: Mapping[str, Kind], wanted: list[str], log_directories: list[str], now: float) -> None:
    """Remove what is wanted, those kinds first whose loss hurts least, until it is enough."""
    with ExitStack() as stack:
        is_open: frozenset[str] | None = None
        for name in reclaimable.KINDS:
            if work.enough:
                return
            if name not in wanted:
                continue
            if name == "deleted_files":
                _empty_deleted(work, log_directories)
                continue
            if name == "package_caches" and not _lock_apt(stack):
                work.left["in_use"] += 1
                continue
            is_open = held_files.open_paths() if is_open is None else is_open
            _remove(work, name, kinds[name], is_open, now)


def _remove(work: Work, name: str, kind: Kind, is_open: frozenset[str], now: float) -> None:
    """Remove files of one kind, the oldest first."""
    mount, device = one_filesystem.mount_of(work.root), os.fstat(work.root).st_dev
    with ExitStack() as stack:
        candidates: dict[tuple[int, int], tuple[Found, int, str]] = {}
        for directory in kind.directories:
            try:
                below = one_filesystem.open_directory(directory)
            except OSError:
                continue  # there is none, or a link is on the way
            stack.callback(os.close, below)
            if one_filesystem.mount_of(below) != mount or os.fstat(below).st_dev != device:
                continue
            for one in one_filesystem.walk(below, mount, without=kind.without, unlocked=name == "temporary_files"):
                if len(candidates) < MOST_CANDIDATES and kind.takes(one.parts[-1], one.touched, now):
                    candidates.setdefault((one.device, one.inode), (one, below, "/".join((directory, *one.parts))))
        for one, below, path in sorted(candidates.values(), key=lambda candidate: (candidate[0].changed, candidate[2])):
            if work.enough:
                return
            if path in is_open:
                work.left["in_use"] += 1
            elif work.allows(one.size):
                reason = one_filesystem.why_left(below, one, mount, act=work.act)
                if reason:
                    work.left[reason] += 1
                else:
                    work.count(name, one.size, 1)


def _empty_deleted(work: Work, log_directories: list[str]) -> None:
    """Empty deleted log files that a process still writes to; one that is mapped stays, since that process would crash."""
    mapped = held_files.mapped_inodes()
    for held in held_files.deleted(held_files.device_of(one_filesystem.mount_of(work.root))):
        if work.enough:
            return
        is_log = any(held.path.startswith(f"{directory}/") for directory in log_directories)
        if not held.size or not is_log:
            continue
        if not held.writable or held.identity[1] in mapped:
            work.left["in_use"] += 1
        elif work.allows(held.size):
            try:
                emptied = not work.act or held_files.empty(held)
            except OSError:
                emptied = False
            if emptied:
                work.count("deleted_files", held.size, 0)
            else:
                work.left["changed"] += 1


def _lock_apt(stack: ExitStack) -> bool:
    """Keep apt from working on its archive until the stack is left; no when it does so now."""
    try:
        directory = one_filesystem.open_directory(APT_ARCHIVES)
        stack.callback(os.close, directory)
        lock = os.open("lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        stack.callback(os.close, lock)
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # there is no apt here
    return True


def shown(name: str) -> str:
    """A name of a file or process as a sentence may carry it: short, and without anything but plain characters."""
    return re.sub(r"[^A-Za-z0-9@._+/-]", "?", name[:60])


def _megabytes(size: int) -> str:
    return f"{math.ceil(size / MEGABYTE)} MB"


def _largest(work: Work, path: str) -> list[str]:
    """The directories two levels below that hold most, on this filesystem alone."""
    sizes: Counter[str] = Counter()
    mount = one_filesystem.mount_of(work.root)
    for found in one_filesystem.walk(work.root, mount, within=LOOKED_FOR_SECONDS):
        sizes["/".join((path.rstrip("/"), *found.parts[:-1][:DEPTH])) or "/"] += found.size // found.links
    return [f"{shown(name)} {_megabytes(size)}" for name, size in sizes.most_common(SHOWN)]


def _held(work: Work) -> list[str]:
    device = held_files.device_of(one_filesystem.mount_of(work.root))
    return [
        f"{shown(one.program)} (process {one.pid}): {_megabytes(one.size)}"
        for one in held_files.deleted(device)[:SHOWN]
        if one.size >= MEGABYTE
    ]


def _result(given: Mapping[str, Any], *, act: bool) -> dict[str, Any]:
    path = given["path"]
    try:
        root = one_filesystem.open_directory(path)
    except OSError as error:
        raise Unreachable(
            f"This host has no directory of that path, or a link is on the way to it: {error.strerror}."
        ) from None
    try:
        space = Space.of(root)
        before = space.percent
        work = Work(root, act, given["floor"], space.size * given["ceiling"] // PERCENT, space)
        kinds = reclaimable.kinds(given["log_directories"], given["temporary_days"])
        reclaim(work, kinds, given["kinds"], given["log_directories"], time.time())
        if act and work.freed:
            work.space = Space.of(root)
        return {
            "changed": bool(work.freed),
            "used_before": math.ceil(before),
            "used": math.ceil(work.space.percent),
            "enough": work.enough,
            "freed": [f"{name}: {files} files, {_megabytes(size)}" for name, (size, files) in work.freed.items()],
            "freed_bytes": work.gone,
            "freed_files": sum(files for _size, files in work.freed.values()),
            "left": [f"{reason} {count}" for reason, count in sorted(work.left.items())],
            "held": _held(work) if before >= work.floor and given["kinds"] else [],
            "largest": _largest(work, path) if not work.enough and given["kinds"] else [],
        }
    finally:
        os.close(root)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "required": True},
            "floor": {"type": "int", "default": 80},
            "ceiling": {"type": "int", "default": 50},
            "kinds": {
                "type": "list",
                "elements": "str",
                "choices": list(reclaimable.KINDS),
                "default": ["package_caches", "temporary_files", "rotated_logs", "journal"],
            },
            "temporary_days": {"type": "int", "default": 10},
            "log_directories": {"type": "list", "elements": "str", "default": ["/var/log"]},
        },
        supports_check_mode=True,
    )
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # comes when somebody opens a file that we look at
    try:
        result = _result(module.params, act=not module.check_mode)
    except Unreachable as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"The filesystem could not be looked at: {error.strerror or error}.")
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
