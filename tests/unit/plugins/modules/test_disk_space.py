# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes from a full filesystem, in which order, how much of it, and what stays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import held_files, one_filesystem, reclaimable
from ansible_collections.breakglass.remediation.plugins.module_utils.reclaimable import DAY, KINDS, Kind, kinds
from ansible_collections.breakglass.remediation.plugins.modules import disk_space
from ansible_collections.breakglass.remediation.plugins.modules.disk_space import Space, Work, reclaim, shown
from tests.support.corpus import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1 << 20
ROTATED = [
    "syslog.1",
    "syslog.2.gz",
    "access.log.14.zst",
    "messages-20260101",
    "messages-20260101.xz",
    "app.log-2026010112.gz",
    "app-20260101.log",
    "app.log.gz",
    "Xorg.0.log.old",
    "a\nb.1",
]
NOT_ROTATED = [
    "syslog",
    "app.log",
    "shop.db",
    "backup.tar.gz",
    "libfoo.so.1.2.x",
    ".1",
    "app.log.0",
    "app.log.99999",
    "1",
    "app-2026.log",
    "auth.log.1",
    "auth.log.2.gz",
    "secure-20260101",
    "wtmp.1",
    "btmp.1",
    "audit.log.1",
    "sudo.log.1",
]


def _space(percent: int, size: int = 100 * MEGABYTE) -> Space:
    return Space(size, size * percent // 100, size * (100 - percent) // 100, 0, 0)


@contextmanager
def _work(path: Path, space: Space, *, act: bool = True, floor: int = 80, most: int = 1 << 40) -> Iterator[Work]:
    root = one_filesystem.open_directory(str(path))
    try:
        yield Work(root, act, floor, most, space)
    finally:
        os.close(root)


def _file(path: Path, megabytes: int, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(1) * (megabytes * MEGABYTE))
    os.utime(path, (time.time() - age,) * 2)
    return path


def _logs(*directories: Path) -> dict[str, Kind]:
    """The kinds, with none of this machine's own directories."""
    rotated = kinds([str(one) for one in directories], 10)["rotated_logs"]
    return {name: rotated if name == "rotated_logs" else Kind((), rotated.form) for name in KINDS}


def _left_of(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


@pytest.mark.parametrize("name", ROTATED)
def test_a_rotated_log_is_known_by_its_name(name: str) -> None:
    """As logrotate and others name them."""
    assert kinds(["/var/log"], 10)["rotated_logs"].takes(name, 0, time.time())


@pytest.mark.parametrize("name", NOT_ROTATED)
def test_other_files_are_no_rotated_logs(name: str) -> None:
    """Logs that are written, data, and the logs of who came in."""
    assert not kinds(["/var/log"], 10)["rotated_logs"].takes(name, 0, time.time())


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in ("temporary_files", "deleted_files")])
def test_no_text_of_the_corpus_is_such_a_name(kind: str) -> None:
    """Hostile texts are not taken for files that may go, and none takes long."""
    for _, value in HOSTILE:
        if isinstance(value, str):
            assert not kinds(["/var/log"], 10)[kind].takes(value, 0, time.time()), value


def test_temporary_files_must_have_been_left_alone_for_days() -> None:
    """Whatever happened to them last counts, and a package must lie for an hour."""
    found = kinds(["/var/log"], 3)
    assert found["temporary_files"].takes("x", 0, 3 * DAY)
    assert not found["temporary_files"].takes("x", 1, 3 * DAY)
    assert found["package_caches"].takes("nginx_1.22_amd64.deb", 0, 3600)
    assert not found["package_caches"].takes("nginx_1.22_amd64.deb", 1, 3600)
    assert not found["package_caches"].takes("pkgcache.bin", 0, 3600)


def test_a_file_with_an_old_date_that_was_put_there_now_is_new(tmp_path: Path) -> None:
    """An archive that is unpacked brings old dates; the kernel's own one tells."""
    _file(tmp_path / "a", 1, age=99 * DAY)
    root = one_filesystem.open_directory(str(tmp_path))
    try:
        [found] = one_filesystem.walk(root, one_filesystem.mount_of(root))
    finally:
        os.close(root)
    assert not kinds([], 10)["temporary_files"].takes("a", found.touched, time.time())


def test_the_journal_that_is_written_is_none_of_the_archived() -> None:
    """Only names with an at sign are archived."""
    journal = kinds([], 10)["journal"]
    assert journal.takes("system@0005f1-0001.journal", 0, 1)
    assert journal.takes("user-1000@0005f1.journal~", 0, 1)
    assert not journal.takes("system.journal", 0, 1)


def test_the_oldest_go_until_it_is_enough(tmp_path: Path) -> None:
    """Nothing more than that goes."""
    for number, age in ((1, 1), (2, 3), (3, 2)):
        _file(tmp_path / f"a.log.{number}", 5, age * DAY)
    with _work(tmp_path, _space(88)) as work:
        reclaim(work, _logs(tmp_path), ["rotated_logs"], [], time.time())
        assert work.enough
    assert _left_of(tmp_path) == ["a.log.1"]
    assert work.freed["rotated_logs"] == [10 * MEGABYTE, 2]


def test_nothing_goes_below_the_floor(tmp_path: Path) -> None:
    """However much may."""
    _file(tmp_path / "a.log.1", 5)
    with _work(tmp_path, _space(79)) as work:
        reclaim(work, _logs(tmp_path), list(KINDS), [], time.time())
    assert _left_of(tmp_path) == ["a.log.1"]
    assert not work.freed


def test_no_more_goes_than_the_ceiling_allows(tmp_path: Path) -> None:
    """A file that is too large for it stays and is counted; a smaller one goes."""
    _file(tmp_path / "large.log.1", 8, age=2 * DAY)
    _file(tmp_path / "small.log.1", 2, age=DAY)
    with _work(tmp_path, _space(99), most=5 * MEGABYTE) as work:
        reclaim(work, _logs(tmp_path), ["rotated_logs"], [], time.time())
    assert _left_of(tmp_path) == ["large.log.1"]
    assert work.left == {"ceiling": 1}


def test_asking_says_exactly_what_acting_does(tmp_path: Path) -> None:
    """Also with directories that hold each other, a file in use and one with two names."""
    logs = tmp_path / "logs"
    for number in range(1, 9):
        _file(logs / "below" / f"a.log.{number}", 1, number * DAY)
    _file(logs / "other.log.1", 1, 20 * DAY)
    os.link(logs / "other.log.1", tmp_path / "elsewhere")
    kinds_of = _logs(logs, logs / "below")
    answers = []
    with (logs / "below" / "a.log.5").open():
        for act in (False, True):
            with _work(tmp_path, _space(84), act=act) as work:
                reclaim(work, kinds_of, ["rotated_logs"], [], time.time())
                answers.append((dict(work.freed), dict(work.left), work.enough))
            assert len(_left_of(logs / "below")) == (3 if act else 8)
    assert answers[0] == answers[1]
    assert answers[0][1] == {"hard_links": 1, "in_use": 1}


def test_a_link_named_as_a_log_directory_is_left_alone(tmp_path: Path) -> None:
    """What it points to is not looked at."""
    _file(tmp_path / "there" / "a.log.1", 1)
    (tmp_path / "logs").symlink_to(tmp_path / "there")
    with _work(tmp_path, _space(99)) as work:
        reclaim(work, _logs(tmp_path / "logs", tmp_path / "missing"), ["rotated_logs"], [], time.time())
    assert _left_of(tmp_path / "there") == ["a.log.1"]


def test_another_filesystem_is_left_alone(tmp_path: Path) -> None:
    """A log directory of one filesystem is not touched when another one is full."""
    _file(tmp_path / "a.log.1", 1)
    with _work(Path("/proc"), _space(99)) as work:
        reclaim(work, _logs(tmp_path), ["rotated_logs"], [], time.time())
    assert _left_of(tmp_path) == ["a.log.1"]


def test_logs_of_audit_and_journal_are_not_rotated_logs(tmp_path: Path) -> None:
    """Their directories are not entered."""
    for name in ("audit", "journal", "nginx"):
        _file(tmp_path / name / "a.log.1", 1)
    with _work(tmp_path, _space(99)) as work:
        reclaim(work, _logs(tmp_path), ["rotated_logs"], [], time.time())
    assert [len(_left_of(tmp_path / name)) for name in ("audit", "journal", "nginx")] == [1, 1, 0]


def test_inodes_can_be_what_is_scarce() -> None:
    """Whichever is scarcer counts; each removed file gives one back."""
    space = Space(100, 10, 90, 100, 5)
    assert space.percent == 95
    space.give_back(1, 10)
    assert space.percent == 85


def test_it_counts_like_df() -> None:
    """What is kept for root is not free."""
    assert Space(100, 90, 5, 0, 0).percent == pytest.approx(94.7, abs=0.1)
    assert Space(0, 0, 0, 0, 0).percent == 0


WRITER = """
import mmap, os, sys, time
f = open(sys.argv[1], sys.argv[2])
if sys.argv[2] == "w+":
    f.write("x" * 3000000); f.flush()
m = mmap.mmap(f.fileno(), 0) if "mapped" in sys.argv else None
os.unlink(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def _deleted(path: Path, *options: str) -> Iterator[int]:
    command = [sys.executable, "-c", WRITER, str(path), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process.pid
        finally:
            process.kill()


def _held_by(pid: int, path: Path) -> list[held_files.Held]:
    root = one_filesystem.open_directory(str(path))
    try:
        device = held_files.device_of(one_filesystem.mount_of(root))
    finally:
        os.close(root)
    return [one for one in held_files.deleted(device) if one.pid == pid and one.path.startswith(str(path))]


def test_a_deleted_log_that_is_written_is_emptied_while_its_process_holds_it(tmp_path: Path) -> None:
    """It is found with who holds it; the process goes on."""
    path = _file(tmp_path / "logs" / "a.log", 1)
    with _deleted(path, "w+") as pid:
        [held] = _held_by(pid, tmp_path)
        assert held.path == str(path)
        assert held.size >= 3_000_000
        assert held.writable
        with _work(tmp_path, _space(81)) as work:
            reclaim(work, {}, ["deleted_files"], [str(tmp_path / "logs")], time.time())
        assert work.freed["deleted_files"][0] >= 3_000_000
        [emptied] = _held_by(pid, tmp_path)
        assert emptied.size == 0
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("options", "directory", "reason"),
    [(["w+", "mapped"], "logs", {"in_use": 1}), (["r"], "logs", {"in_use": 1}), (["w+"], "other", {})],
)
def test_other_deleted_files_are_only_told(
    tmp_path: Path, options: list[str], directory: str, reason: dict[str, int]
) -> None:
    """One that is mapped, whose process would crash; one that is only read; one that was no log."""
    path = _file(tmp_path / "logs" / "a.log", 3)
    with _deleted(path, *options) as pid:
        [before] = _held_by(pid, tmp_path)
        with _work(tmp_path, _space(81)) as work:
            reclaim(work, {}, ["deleted_files"], [str(tmp_path / directory)], time.time())
        [after] = _held_by(pid, tmp_path)
    assert before.size == after.size > 0
    assert dict(work.left) == reason


def test_a_number_that_is_another_file_by_now_is_not_emptied(tmp_path: Path) -> None:
    """Which file it is is looked at after it was opened."""
    path = _file(tmp_path / "a.log", 1)
    with path.open("r+") as file:
        held = held_files.Held(os.getpid(), file.fileno(), "x", str(path), (1, 1), 1, writable=True)
        assert not held_files.empty(held)
    assert path.stat().st_size == MEGABYTE


LOCKER = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"


def test_packages_stay_while_apt_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds apt's lock may be about to install them; afterwards they go."""
    _file(tmp_path / "a_1_all.deb", 1)
    (tmp_path / "lock").touch()
    monkeypatch.setattr(disk_space, "APT_ARCHIVES", str(tmp_path))
    found = {"package_caches": replace(kinds([], 1)["package_caches"], directories=(str(tmp_path),), quiet=0)}
    with subprocess.Popen([sys.executable, "-c", LOCKER, str(tmp_path / "lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with _work(tmp_path, _space(99)) as work:
            reclaim(work, found, ["package_caches"], [], time.time())
        process.kill()
    assert (_left_of(tmp_path), dict(work.left)) == (["a_1_all.deb", "lock"], {"in_use": 1})
    with _work(tmp_path, _space(99)) as work:
        reclaim(work, found, ["package_caches"], [], time.time())
    assert _left_of(tmp_path) == ["lock"]


@pytest.mark.parametrize("name", [str(value) for _, value in HOSTILE])
def test_a_name_is_shown_plainly(name: str) -> None:
    """Sentences carry names of files and processes short, and only plain characters of them."""
    assert re.fullmatch(r"[A-Za-z0-9@._+/?-]{0,60}", shown(name))


def test_the_largest_directories_are_named(tmp_path: Path) -> None:
    """Two levels deep, with what they hold."""
    _file(tmp_path / "srv" / "shop" / "data" / "a", 3)
    _file(tmp_path / "opt" / "b", 1)
    given = {"floor": 1, "ceiling": 1, "kinds": ["deleted_files"], "temporary_days": 10, "log_directories": ["/none"]}
    found = disk_space._result({"path": str(tmp_path), **given}, act=False)
    names = [shown(f"{tmp_path}/{name}") for name in ("srv/shop", "opt")]
    assert found["largest"] == [f"{names[0]} 4 MB", f"{names[1]} 2 MB"]
    assert (found["changed"], found["enough"]) == (False, False)


def test_a_path_that_is_none_is_told() -> None:
    """Also a file, and a link."""
    for path in ("/nowhere/at/all", "/etc/passwd", "/proc/self"):
        with pytest.raises(disk_space.Unreachable, match="no directory of that path"):
            disk_space._result({"path": path}, act=False)


def test_every_kind_is_offered() -> None:
    """The kinds of files with names, and deleted ones."""
    assert {*kinds([], 1), "deleted_files"} == {*reclaimable.KINDS}
