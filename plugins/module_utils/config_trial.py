# SPDX-License-Identifier: GPL-3.0-or-later
"""Letting a validator see a configuration that is not in place yet.

Its process gets a view of the file system of its own (mount_namespaces(7)), in which the new files are mounted over the old
ones. Nobody else sees them, and with the process the view is gone.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import file_attributes
from .config_swap import write_like
from .config_validators import Verdict, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .config_tree import Tree

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
STAGING = "/run"


def try_out(trees: Mapping[str, Tree], command: Sequence[str], new_mode: int) -> Verdict | None:
    """What the validator says of these trees; None where it can't be shown them beforehand. Raises UnusableValidator, OSError.

    It can't where this process may not mount, and for a path where nothing is yet.
    """
    if not all(os.path.lexists(path) for path in trees) or not Path(STAGING).is_dir():
        return None
    staging = tempfile.mkdtemp(prefix="breakglass-trial-", dir=STAGING)
    try:
        places = {}
        for number, (path, tree) in enumerate(trees.items()):
            places[path] = f"{staging}/{number}"
            _lay_out(tree, path, places[path], new_mode)
        return validate(command, _entering(places))
    except subprocess.SubprocessError:
        return None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _lay_out(tree: Tree, root: str, place: str, new_mode: int) -> None:
    if "" in tree:
        write_like(place, tree[""], root, new_mode)
        return
    Path(place).mkdir()
    _directory_like(Path(root), Path(place))
    for name in sorted(
        {*_directories(root), *_parents(tree)}
    ):  # the empty ones too: some programs refuse to go on without
        below = Path(place, name)
        below.mkdir()
        _directory_like(Path(root, name), below)
    for name, entry in tree.items():
        old = f"{root}/{name}"
        write_like(f"{place}/{name}", entry, old if os.path.lexists(old) else None, new_mode)


def _directories(root: str) -> Iterator[str]:
    for directory, directories, _files in os.walk(root):
        directories[:] = [name for name in directories if name != ".git" and not Path(directory, name).is_symlink()]
        yield from (os.path.relpath(Path(directory, name), root) for name in directories)


def _parents(tree: Tree) -> Iterator[str]:
    for name in tree:
        yield from (str(parent) for parent in Path(name).parents if parent.name)


def _directory_like(source: Path, target: Path) -> None:
    if source.is_dir():
        status = source.lstat()
        os.chown(target, status.st_uid, status.st_gid)
        file_attributes.copy(str(source), str(target))
        target.chmod(status.st_mode & 0o7777)


def _entering(places: Mapping[str, str]) -> Callable[[], None]:
    """What a child does before it becomes the validator; it raises where that is not permitted."""
    library = ctypes.CDLL(None, use_errno=True)
    pairs = [(place.encode(), os.fsencode(path)) for path, place in places.items()]

    def enter() -> None:
        _require(library.unshare(CLONE_NEWNS))
        _require(library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        for place, path in pairs:
            _require(library.mount(place, path, None, MS_BIND, None))

    return enter


def _require(answer: int) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), "not permitted")
