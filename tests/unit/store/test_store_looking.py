# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import make_alert, make_course

from breakglass.domain.holds import Scope
from breakglass.store.database import Database, DatabaseUnavailable, newest_revision
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.looking import Looked, UnknownHolder, file_of, holder_of, look_at
from breakglass.store.senders import Heard

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one open incident and one hold, which nobody works on."""
    database = Database.open(f"sqlite:///{tmp_path}/a b#1.db")
    Incidents(database).accept([Arrival(make_alert(), make_course(), "INC-A")], Heard("alertmanager", 0))
    Holds(database).set(Scope.ALL, [""], "change freeze", "ada")
    database.close()
    return tmp_path / "a b#1.db"


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_looking_changes_nothing(path: Path) -> None:
    """Schema, open incidents, holds and senders are read, and the file is the same to the byte."""
    before = path.read_bytes()
    found = look_at(f"sqlite:///{path}")

    assert (found.revision, found.is_current, found.is_newer) == (newest_revision(), True, False)
    assert (found.open_incidents, [hold.reason for hold in found.holds]) == (1, ["change freeze"])
    assert set(found.senders) == {make_alert().source}
    assert path.read_bytes() == before


def test_looking_while_a_runner_works(path: Path) -> None:
    """A runner in the middle of a transaction is not disturbed, and what it has not committed is not seen."""
    runner = Database.open(f"sqlite:///{path}")
    with runner.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM hold")
        assert len(look_at(f"sqlite:///{path}").holds) == 1
    assert look_at(f"sqlite:///{path}").holds == []
    runner.close()


@pytest.mark.parametrize(("revision", "is_newer"), [("0001", False), ("9999", True)])
def test_another_schema(path: Path, revision: str, *, is_newer: bool) -> None:
    """Of the schema of another version nothing is read but which one it is; it stays as it is."""
    set_revision(path, revision)
    found = look_at(f"sqlite:///{path}")

    assert (found.revision, found.is_current, found.is_newer, found.open_incidents) == (revision, False, is_newer, 0)
    assert look_at(f"sqlite:///{path}").revision == revision


def test_what_is_no_database(tmp_path: Path) -> None:
    """A file that is none, one that is not there, and a database of something else are told apart."""
    (tmp_path / "text").write_text("not a database " * 100, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE other (a)")

    with pytest.raises(DatabaseUnavailable, match="not a database"):
        look_at(f"sqlite:///{tmp_path}/text")
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        look_at(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    assert look_at(f"sqlite:///{tmp_path}/other.db") == Looked("", newest_revision())


def test_who_holds_it(path: Path) -> None:
    """The runner that has the database is named by its process id, as long as it has it; looking takes no lock."""
    assert holder_of(path) is None
    runner = Database.open(f"sqlite:///{path}")
    assert holder_of(path) == os.getpid()
    runner.close()
    assert holder_of(path) is None
    assert holder_of(path.with_name("none.db")) is None


def test_a_system_without_a_list_of_locks(path: Path) -> None:
    """Where nobody can tell who holds it, that is said."""
    with pytest.raises(UnknownHolder, match="nobody can tell"):
        holder_of(path, path.with_name("no-locks"))


def test_the_file_of_an_address(path: Path) -> None:
    """The file is that of the settings' database_url; what is on a server has none."""
    assert file_of(f"sqlite:///{path}") == path
    assert file_of("postgresql://ada@db.example.com/breakglass") is None


def test_an_empty_database(tmp_path: Path) -> None:
    """A file in which nothing is yet is told apart from a database of something else."""
    (tmp_path / "empty.db").touch()
    assert look_at(f"sqlite:///{tmp_path}/empty.db").is_empty
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE other (a)")
    assert not look_at(f"sqlite:///{tmp_path}/other.db").is_empty
