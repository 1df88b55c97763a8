# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding backups of a configuration in a directory of root's, the newest first."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .config_tree import Tree, read_tree, require_roots_alone, require_roots_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BACKUPS = 20


@dataclass(frozen=True)
class Backup:
    """One backup of all the paths.

    Attributes:
        name: Where it is.
        places: Where it has each path.
        time_ns: When it was made, as its file or directory says.
    """

    name: str
    places: dict[str, str]
    time_ns: int

    def trees(self) -> dict[str, Tree]:
        """Read it; raises UnusableTree, OSError."""
        found = {}
        for path, place in self.places.items():
            require_roots_alone(place)
            _require_roots_own_below(place)
            tree = read_tree(place)
            if tree:
                found[path] = tree
        return found


def backups(directory: str, paths: Sequence[str]) -> list[Backup]:
    """The newest backups that have every path, at most 20, the newest first; raises UnusableTree.

    Two forms are known: `DIRECTORY/ANY-NAME/etc/nginx/nginx.conf`, where each directory is a backup of its own; and, for one file,
    `DIRECTORY/nginx.conf` and `DIRECTORY/nginx.conf` with `.`, `-`, `_` or `~` and anything after it.
    """
    require_roots_alone(f"{directory}/any")
    found = [*_snapshots(directory, paths)]
    if len(paths) == 1:
        found += _copies(directory, paths[0])
    return sorted(found, key=lambda one: (one.time_ns, one.name), reverse=True)[:MOST_BACKUPS]


def _snapshots(directory: str, paths: Sequence[str]) -> Iterator[Backup]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                places = {path: f"{entry.path}{path}" for path in paths}
                if all(os.path.lexists(place) for place in places.values()):
                    yield Backup(entry.path, places, entry.stat(follow_symlinks=False).st_mtime_ns)


def _copies(directory: str, path: str) -> Iterator[Backup]:
    name = re.escape(Path(path).name)
    form = re.compile(rf"{name}(?:[.~_-].*)?", re.DOTALL)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and form.fullmatch(entry.name) and entry.path != path:
                yield Backup(entry.path, {path: entry.path}, entry.stat(follow_symlinks=False).st_mtime_ns)


def _require_roots_own_below(place: str) -> None:
    require_roots_own(place)
    if Path(place).is_symlink() or not Path(place).is_dir():
        return
    for parent, directories, files in os.walk(place):
        for name in [*directories, *files]:
            require_roots_own(f"{parent}/{name}")
