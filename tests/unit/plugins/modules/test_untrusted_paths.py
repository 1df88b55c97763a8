# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in directories of somebody else are taken and put back without following their links."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import untrusted_paths
from ansible_collections.breakglass.remediation.plugins.module_utils.untrusted_paths import UnsafePath


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory that others may write, so that nothing below it is trusted."""
    directory = tmp_path / "home"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


def _taken(path: Path) -> dict[str, Any] | None:
    place = untrusted_paths.reach(str(path))
    if place is None:
        return None
    with closing(place):
        found = untrusted_paths.look(place)
        if found is not None:
            untrusted_paths.take(place)
        return found


def test_a_file_comes_back_as_it_was(home: Path) -> None:
    """Text, mode, owner and time; putting it back twice does no harm."""
    path = home / "keys"
    path.write_bytes(b"ssh-ed25519 \xff\n")
    path.chmod(0o640)
    os.utime(path, ns=(5, 123456789))
    before = path.stat()
    found = _taken(path)
    assert found is not None
    assert not path.exists()
    untrusted_paths.put_back(found)
    untrusted_paths.put_back(found)
    after = path.stat()
    assert path.read_bytes() == b"ssh-ed25519 \xff\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mtime_ns == 123456789


def test_a_link_on_the_way_is_what_is_taken(home: Path, tmp_path: Path) -> None:
    """What it points to stays untouched; the link comes back as a link."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "keys").write_text("precious")
    (home / "ssh").symlink_to(tmp_path / "precious")
    found = _taken(home / "ssh" / "keys")
    assert found is not None
    assert found["path"] == str(home / "ssh")
    assert (tmp_path / "precious" / "keys").read_text() == "precious"
    assert not (home / "ssh").is_symlink()
    untrusted_paths.put_back(found)
    assert (home / "ssh").readlink() == tmp_path / "precious"


def test_what_is_no_file_is_left(home: Path) -> None:
    """A pipe does not hang, a directory is none, and nothing is nothing."""
    os.mkfifo(home / "pipe")
    (home / "directory").mkdir()
    assert [_taken(home / name) for name in ("pipe", "directory", "nothing", "nothing/at/all", "pipe/below")] == [
        None
    ] * 5
    assert (home / "pipe").exists()


def test_a_large_file_goes_and_is_not_kept(home: Path) -> None:
    """A file of a terabyte must not fill the disk of the undo; it cannot come back, and that is said."""
    with (home / "keys").open("wb") as file:
        file.truncate(2**40)
    found = _taken(home / "keys")
    assert found is not None
    assert found["content"] is None
    with pytest.raises(UnsafePath, match="too large"):
        untrusted_paths.put_back(found)


def test_nothing_is_put_back_over_something_or_through_a_link(home: Path, tmp_path: Path) -> None:
    """What stands there now, whatever it is, is nobody's to overwrite; a directory that became a link is not entered."""
    (home / "ssh").mkdir()
    path = home / "ssh" / "keys"
    path.write_text("mine")
    found = _taken(path)
    assert found is not None
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath, match="Something else"):
        untrusted_paths.put_back(found)
    assert not (tmp_path / "elsewhere").exists()
    path.unlink()
    (home / "ssh").rmdir()
    (home / "ssh").symlink_to(tmp_path)
    with pytest.raises(UnsafePath, match="no directory any more"):
        untrusted_paths.put_back(found)
    assert not (tmp_path / "keys").exists()


def test_a_way_upwards_or_without_end_is_refused(home: Path) -> None:
    """Two dots are never walked."""
    with pytest.raises(UnsafePath, match="upwards"):
        untrusted_paths.reach(f"{home}/../keys")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make directories that are root's alone")
def test_links_that_root_made_are_followed() -> None:
    """On Debian /var/run is root's link to /run: the place is the one that it leads to."""
    if not Path("/var/run").is_symlink():
        pytest.skip("this machine has no such link")
    place = untrusted_paths.reach("/var/run/nothing-of-this-name")
    assert place is None or place.path.startswith("/run/")
