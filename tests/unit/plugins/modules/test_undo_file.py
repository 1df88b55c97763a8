# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo files: for root's eyes, and believed only when nobody else could have written them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import undo_file

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read_and_gone_when_removed(tmp_path: Path) -> None:
    """It is 0600 in a directory of 0700, and takes the place of an older one."""
    directory = tmp_path / "breakglass" / "undo"
    assert undo_file.read("one", directory) is None
    undo_file.write("one", {"a": 1}, directory)
    path = undo_file.write("one", {"a": [2]}, directory)
    assert (path.stat().st_mode & 0o777, directory.stat().st_mode & 0o777) == (0o600, 0o700)
    assert undo_file.read("one", directory) == {"a": [2]}
    assert [one.name for one in directory.iterdir()] == ["one.json"]
    undo_file.remove("one", directory)
    assert undo_file.read("one", directory) is None


def test_what_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    """A file or directory that others may write, a link, and what is no mapping are refused."""
    directory = tmp_path / "breakglass" / "undo"
    path = undo_file.write("one", {"a": 1}, directory)
    path.chmod(0o620)
    with pytest.raises(undo_file.UntrustedFile):
        undo_file.read("one", directory)
    undo_file.write_file(path, "[]", 0o600)
    with pytest.raises(undo_file.UntrustedFile):
        undo_file.read("one", directory)
    (directory / "two.json").symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        undo_file.read("two", directory)
    directory.chmod(0o777)
    with pytest.raises(undo_file.UntrustedFile):
        undo_file.write("one", {}, directory)


def test_a_file_that_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    """What was half written is removed again."""
    (tmp_path / "place").mkdir()
    with pytest.raises(OSError, match="directory"):
        undo_file.write_file(tmp_path / "place", "text", 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["place"]
