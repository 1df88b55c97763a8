# SPDX-License-Identifier: GPL-3.0-or-later
"""Places on real disks; a disk that is full, read-only or in memory is in tests/integration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.doctor.checks import database, journal, run_directory, user
from breakglass.doctor.disk import Place, size
from breakglass.store.database import Database

if TYPE_CHECKING:
    from tests.unit.doctor.conftest import Files

SHARED_MEMORY = Path("/dev/shm")
MOUNTINFO = """\
22 28 0:21 / /proc rw,nosuid shared:14 - proc proc rw
28 1 {device} / / rw,relatime shared:1 - ext4 /dev/vda rw
broken line
31 28 0:27 / /dev/shm rw - tmpfs tmpfs rw
"""


def test_a_sync_leaves_nothing_behind(tmp_path: Path) -> None:
    """Measuring takes some time of the disk, and no file stays."""
    place = Place.of(tmp_path)
    assert place.sync_seconds() > 0
    assert place.free > 0
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is looked at where it would be made, and is not made."""
    place = Place.of(tmp_path / "a" / "b" / "journal")
    assert (place.directory, place.is_there, place.trouble()) == (tmp_path, False, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_directory_must_be(tmp_path: Path) -> None:
    """A place below a file can't be made, and the file is named."""
    (tmp_path / "file").write_text("x")
    assert Place.of(tmp_path / "file").trouble() == f"{tmp_path / 'file'} is no directory"


def test_the_kind_of_a_file_system(tmp_path: Path) -> None:
    """It is taken from the mount with the same device number; where nobody tells, it is unknown."""
    device = tmp_path.stat().st_dev
    (tmp_path / "mountinfo").write_text(MOUNTINFO.format(device=f"{os.major(device)}:{os.minor(device)}"))
    assert Place.of(tmp_path).file_system(tmp_path / "mountinfo") == "ext4"
    assert Place.of(tmp_path).file_system(tmp_path / "none") == ""
    assert Place.of(Path("/proc")).file_system() == "proc"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (999, "999 B"), (268_435_456, "268 MB"), (79_800_000_000, "79.8 GB"), (10**15, "1e+03 TB")],
)
def test_bytes_for_people(number: int, said: str) -> None:
    """Three digits and a unit."""
    assert size(number) == said


def test_a_journal(files: Files) -> None:
    """A good directory is told with what a record costs and what is free, whether it is there yet or not."""
    ((mark, says),) = files.look(journal.look)
    assert mark == "ok"
    assert "not there yet; the runner makes it" in says
    files.place.journal.mkdir()
    ((mark, says),) = files.look(journal.look)
    assert mark == "ok"
    assert "not there yet" not in says


def test_a_journal_and_its_archive(files: Files) -> None:
    """Both places are looked at."""
    files.change(
        lambda settings: settings.update(
            journal={"directory": "journal", "keep": "30d", "archive": str(files.place.settings)}
        )
    )
    found = files.look(journal.look)
    assert [mark for mark, _ in found] == ["ok", "!!"]
    assert "settings.yml is no directory" in found[1][1]


@pytest.mark.skipif(not os.access(SHARED_MEMORY, os.W_OK), reason="there is no file system in memory here")
def test_a_journal_in_memory(files: Files) -> None:
    """What is gone after a reboot is no journal."""
    files.change(lambda settings: settings.update(journal={"directory": str(SHARED_MEMORY / "breakglass-journal")}))
    ((mark, says),) = files.look(journal.look)
    assert mark == "!!"
    assert "gone after a reboot" in says


def test_the_states_of_a_database(files: Files) -> None:
    """Not there, there, at work, and of something else: each is told, and the place stays as it is."""
    path = files.place.scratch / "breakglass.db"
    assert files.look(database.look)[0][0] == "ok"
    assert not path.exists()

    runner = Database.open(f"sqlite:///{path}")
    ((mark, says),) = files.look(database.look)
    assert (mark, f"a runner works on it (pid {os.getpid()})" in says) == ("ok", True)
    runner.close()
    ((mark, says),) = files.look(database.look)
    assert (mark, "no runner works on it" in says) == ("ok", True)

    path.write_text("no database " * 100)
    with pytest.raises(Exception, match="not a database"):
        files.look(database.look)
    files.change(lambda settings: settings.update(database_url=f"sqlite:///{files.place.settings}/b.db"))
    ((mark, says),) = files.look(database.look)
    assert (mark, "settings.yml is no directory" in says) == ("!!", True)


def test_another_version(files: Files) -> None:
    """A schema of before comes with the next start, unless the runner of before still works; one of later is refused."""
    path = files.place.scratch / "breakglass.db"
    runner = Database.open(f"sqlite:///{path}")

    def say(revision: str) -> tuple[str, str]:
        with runner.transaction() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        ((mark, says),) = files.look(database.look)
        return mark, says

    assert say("0001")[0] == "!!"
    assert "Restart it with this one" in say("0001")[1]
    assert "of a later version" in say("9999")[1]
    say("0001")
    runner.close()
    ((mark, says),) = files.look(database.look)
    assert (mark, "the next start of the runner brings it" in says) == ("ok", True)


def test_a_run_directory(files: Files) -> None:
    """A short one that can be written will do; it is not made."""
    files.change(lambda settings: settings.update(run_directory="/tmp/bg-runs"))
    ((mark, says),) = files.look(run_directory.look)
    assert (mark, says.startswith("/tmp/bg-runs, ")) == ("ok", True)
    assert not Path("/tmp/bg-runs").exists()


def test_a_run_directory_that_is_too_long(files: Files) -> None:
    """Sockets of ssh need short paths: that is said before the first repair fails of it."""
    files.change(lambda settings: settings.update(run_directory=f"/tmp/{'x' * 60}"))
    with pytest.raises(Exception, match="too long for the sockets of ssh"):
        files.look(run_directory.look)


def test_whose_it_is(files: Files) -> None:
    """Nothing is said while nothing is there; then whether it is ours."""
    assert files.look(user.look) == []
    files.place.journal.mkdir()
    assert [mark for mark, _ in files.look(user.look)] == ["ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_is_of_somebody_else(files: Files) -> None:
    """What root may says nothing of what the runner may: run doctor as the runner's user."""
    files.place.journal.mkdir()
    os.chown(files.place.journal, 65_534, -1)
    ((mark, says),) = files.look(user.look)
    assert mark == "??"
    assert "Run doctor as nobody" in says
