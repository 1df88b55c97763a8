# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are found and removed without following a link, and without leaving the mount, whatever somebody does meanwhile."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import one_filesystem
from ansible_collections.breakglass.remediation.plugins.module_utils.one_filesystem import mount_of, open_directory
from tests.support.corpus import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.module_utils.one_filesystem import Found

HOLDERS = {
    "open": "import sys, time; f = open(sys.argv[1]); print('held', flush=True); time.sleep(60)",
    "mapped": (
        "import mmap, os, sys, time; d = os.open(sys.argv[1], os.O_RDONLY); m = mmap.mmap(d, 0, prot=mmap.PROT_READ);"
        "os.close(d); print('held', flush=True); time.sleep(60)"
    ),
}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    root = open_directory(str(path))
    try:
        yield root, mount_of(root)
    finally:
        os.close(root)


def _walked(path: Path) -> list[Found]:
    with _opened(path) as (root, mount):
        return list(one_filesystem.walk(root, mount))


def _removed(path: Path, found: Found) -> str:
    with _opened(path) as (root, mount):
        return one_filesystem.why_left(root, found, mount, act=True)


@contextmanager
def _held(path: Path, how: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", HOLDERS[how], str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.kill()


def test_no_link_is_found(tmp_path: Path) -> None:
    """Neither a link to a file nor what is behind a link to a directory, also not a pipe or a socket."""
    tree, precious = tmp_path / "tree", tmp_path / "precious"
    (tree / "below").mkdir(parents=True)
    precious.mkdir()
    (precious / "a.1").write_text("precious")
    (tree / "below" / "b.1").write_text("old")
    (tree / "directory").symlink_to(precious)
    (tree / "file").symlink_to(precious / "a.1")
    os.mkfifo(tree / "pipe.1")
    assert [one.parts for one in _walked(tree)] == [("below", "b.1")]


def test_no_link_is_on_the_way_to_where_it_begins(tmp_path: Path) -> None:
    """A directory that is a link, or is behind one, is not opened."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "below").mkdir()
    for path in (tmp_path / "link", tmp_path / "link" / "below"):
        with pytest.raises(OSError, match=r"Not a directory|symbolic"):
            open_directory(str(path))


def test_a_directory_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    """The file of the same name behind the link stays."""
    tree, precious = tmp_path / "tree", tmp_path / "precious"
    for directory in (tree / "below", precious):
        directory.mkdir(parents=True)
        (directory / "a.1").write_text("text")
    [found] = _walked(tree)
    (tree / "below").rename(tree / "moved")
    (tree / "below").symlink_to(precious)
    assert _removed(tree, found) == "refused"
    assert (precious / "a.1").exists()


def test_swapping_directories_for_links_all_the_time_reaches_nothing_else(tmp_path: Path) -> None:
    """While somebody swaps as fast as they can, only files of the tree are removed."""
    tree, precious = tmp_path / "tree", tmp_path / "precious"
    for directory in (tree / "below", precious):
        directory.mkdir(parents=True)
        for number in range(400):
            (directory / f"{number}.1").write_text("text")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            (tree / "below").rename(tree / "aside")
            (tree / "below").symlink_to(precious)
            (tree / "below").unlink()
            (tree / "aside").rename(tree / "below")

    attacker = threading.Thread(target=swap)
    attacker.start()
    try:
        reasons: list[str] = []
        for _ in range(20):
            reasons += [_removed(tree, found) for found in _walked(tree)]
    finally:
        done.set()
        attacker.join()
    assert len(list(precious.iterdir())) == 400
    assert "" in reasons
    assert len(list((tree / "below").iterdir())) < 400


@pytest.mark.parametrize("later", [False, True])
def test_a_file_with_two_names_is_left(tmp_path: Path, later: bool) -> None:  # noqa: FBT001
    """Removing one of them frees nothing; also when the second name came after the search."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.1").write_text("text")
    before = _walked(tmp_path / "tree")
    os.link(tmp_path / "tree" / "a.1", tmp_path / "elsewhere")
    [found] = before if later else _walked(tmp_path / "tree")
    assert _removed(tmp_path / "tree", found) == ("changed" if later else "hard_links")
    assert (tmp_path / "tree" / "a.1").exists()


@pytest.mark.parametrize("by", ["text", "file", "pipe", "link", "nothing"])
def test_a_file_that_is_another_one_now_is_left(tmp_path: Path, by: str) -> None:
    """Written to, replaced by a file, a pipe that nobody writes to, or a link, or gone."""
    path = tmp_path / "a.1"
    path.write_text("text")
    [found] = _walked(tmp_path)
    if by == "text":
        path.write_text("other")
    else:
        path.unlink()
    if by == "file":
        path.write_text("text")
    elif by == "pipe":
        os.mkfifo(path)
    elif by == "link":
        path.symlink_to("/etc/hostname")
    assert _removed(tmp_path, found) in ("changed", "refused")
    assert os.path.lexists(path) is (by != "nothing")


@pytest.mark.parametrize("how", HOLDERS)
def test_a_file_that_somebody_uses_is_left(tmp_path: Path, how: str) -> None:
    """Open, or mapped with nothing open any more; afterwards it may go."""
    path = tmp_path / "a.1"
    path.write_text("text")
    [found] = _walked(tmp_path)
    with _held(path, how):
        assert _removed(tmp_path, found) == "in_use"
        assert path.exists()
    assert _removed(tmp_path, found) == ""
    assert not path.exists()


def test_nothing_is_removed_when_only_asked(tmp_path: Path) -> None:
    """The same answer, and the file stays."""
    (tmp_path / "a.1").write_text("text")
    [found] = _walked(tmp_path)
    with _opened(tmp_path) as (root, mount):
        assert one_filesystem.why_left(root, found, mount, act=False) == ""
    assert (tmp_path / "a.1").exists()


def test_mount_points_are_not_entered() -> None:
    """Of /dev nothing is found that is on a mount below it."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    below = {words[4] for words in map(str.split, text.splitlines()) if words[4].startswith("/dev/")}
    assert below
    with _opened(Path("/dev")) as (root, mount):
        found = {"/dev/" + "/".join(one.parts) for one in one_filesystem.walk(root, mount)}
    assert not [path for path in found if any(path.startswith(f"{point}/") for point in below)]


def test_another_mount_is_not_walked_at_all(tmp_path: Path) -> None:
    """Where the mount is not the one that is asked for, nothing is found and nothing removed."""
    (tmp_path / "a.1").write_text("text")
    [found] = _walked(tmp_path)
    with _opened(tmp_path) as (root, mount):
        assert list(one_filesystem.walk(root, mount + 1)) == []
        assert one_filesystem.why_left(root, found, mount + 1, act=True) == "refused"
    assert (tmp_path / "a.1").exists()


def test_a_directory_that_somebody_has_locked_can_be_left_alone(tmp_path: Path) -> None:
    """As systemd-tmpfiles does."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "a").write_text("text")
    with _opened(tmp_path / "locked") as (descriptor, _), _opened(tmp_path) as (root, mount):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        assert list(one_filesystem.walk(root, mount, unlocked=True)) == []
        assert len(list(one_filesystem.walk(root, mount))) == 1


def test_any_name_can_be_removed(tmp_path: Path) -> None:
    """Line ends, quotes, bytes that are no UTF-8, and every text of the corpus that can be a name."""
    tree = os.fsencode(tmp_path / "tree")
    Path(os.fsdecode(tree)).mkdir()
    texts = [value for _, value in HOSTILE if isinstance(value, str)]
    names = {os.fsencode(text.replace("/", "_"))[:200] for text in texts if text.isprintable() or "\n" in text}
    names = {name for name in names if name not in (b"", b".", b"..") and b"\0" not in name}
    names |= {b"a\nb.1", b"\xff\xfe.1", b"-rf", b"$(touch x)", b" ", b"*"}
    for name in names:
        with open(os.path.join(tree, name), "wb"):  # noqa: PTH118, PTH123 (bytes that are no text)
            pass
    found = _walked(tmp_path / "tree")
    assert len(found) == len(names)
    assert {_removed(tmp_path / "tree", one) for one in found} == {""}
    assert os.listdir(tree) == []  # noqa: PTH208


def test_the_deepest_tree_ends(tmp_path: Path) -> None:
    """Somebody who makes directories without end is not followed without end."""
    here = tmp_path
    for _ in range(60):
        here /= "d"
        here.mkdir()
        (here / "a.1").write_text("text")
    assert len(_walked(tmp_path)) == one_filesystem.DEEPEST
