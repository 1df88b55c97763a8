# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from tests.support.incidents import ALERTS, INCIDENTS

from breakglass.store.database import Database, DatabaseUnavailable, RunnerAlreadyRunning, milliseconds, moment, now
from breakglass.store.documents import UnreadableDocument, alert_from, alert_text, incident_from, incident_text
from breakglass.store.sessions import Sessions
from breakglass.store.tables import METADATA

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.alert import Alert
    from breakglass.domain.incident import Incident

HOLD = """
import sys
from breakglass.store.database import Database
database = Database.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def schema(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql NOT NULL")
        return sorted(rows.fetchall())


def test_the_migrations_make_the_tables(database: Database) -> None:
    """What the migrations leave behind is what `tables.py` says, with nothing more and nothing less."""
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_nobody_waits_long_for_a_connection(database: Database) -> None:
    """When all connections are taken, who wants one more hears of it soon: a lease must be renewed in time, or given up."""
    with ExitStack() as taken, pytest.raises(DatabaseUnavailable, match="all connections to it are busy"):
        take_all(database, taken)


def take_all(database: Database, taken: ExitStack) -> None:
    """Take connections until there are no more."""
    while True:
        taken.enter_context(database.reading())


def test_the_partial_indexes_are_the_same(tmp_path: Path) -> None:
    """The conditions of indexes, which no comparison of metadata sees, are the same in migrations and tables."""
    Database.open(f"sqlite:///{tmp_path}/migrated.db").close()
    made = Database(f"sqlite:///{tmp_path}/made.db")
    with made.transaction() as connection:
        METADATA.create_all(connection)
    made.close()

    def indexes(name: str) -> dict[str, str]:
        found = {
            key: sql
            for key, sql in schema(tmp_path / name)
            if sql.lstrip().upper().startswith("CREATE ") and " INDEX " in sql
        }
        return {key: " ".join(sql.replace("incident.", "").replace("inbox.", "").split()) for key, sql in found.items()}

    assert indexes("migrated.db") == indexes("made.db")


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """A database that is up to date is opened as it is."""
    url = f"sqlite:///{tmp_path}/breakglass.db"
    Database.open(url).close()
    before = schema(tmp_path / "breakglass.db")
    Database.open(url).close()
    assert schema(tmp_path / "breakglass.db") == before


def test_a_second_runner_is_refused(tmp_path: Path) -> None:
    """A database belongs to one runner, in this process or another, and is free again when that runner is gone."""
    url = f"sqlite:///{tmp_path}/breakglass.db"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(RunnerAlreadyRunning, match="Stop it first"):
            Database.open(url)
    finally:
        holder.kill()
        holder.communicate()
    database = Database.open(url)
    with pytest.raises(RunnerAlreadyRunning):
        Database.open(url)
    database.close()
    Database.open(url).close()


def test_a_locked_database_says_so(tmp_path: Path, database: Database) -> None:
    """A database that somebody else holds gives DatabaseUnavailable within two seconds, and works when it is free."""
    other = sqlite3.connect(tmp_path / "breakglass.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = datetime.now(UTC)
    with pytest.raises(DatabaseUnavailable, match="locked"):
        Sessions(database, "before").opened("accessor")
    assert datetime.now(UTC) - start < timedelta(seconds=10)
    assert Sessions(database, "now").left_over() == []
    other.execute("ROLLBACK")
    other.close()
    Sessions(database, "before").opened("accessor")
    assert Sessions(database, "now").left_over() == ["accessor"]


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    """A transaction whose block raises is undone."""

    class Interruption(Exception):
        pass

    def write_and_fail() -> None:
        with database.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO vault_session (accessor, opened_at) VALUES ('a', 1)")
            raise Interruption

    with pytest.raises(Interruption):
        write_and_fail()
    assert Sessions(database).left_over() == []


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is refused in a sentence, and left alone."""
    path = tmp_path / "breakglass.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnavailable, match=r"breakglass\.db failed"):
        Database.open(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_directory_that_can_not_be_made(tmp_path: Path) -> None:
    """A path below a file is refused in a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="can't be opened"):
        Database.open(f"sqlite:///{tmp_path}/file/breakglass.db")


def test_the_clock_is_the_databases(database: Database) -> None:
    """The database's clock gives UTC to the millisecond, and moments survive it."""
    with database.reading() as connection:
        at = now(connection)
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=20)
    assert moment(milliseconds(at)) == at


def test_sessions(database: Database) -> None:
    """A session of an earlier process of the runner is left over until it is ended; one of its own never is."""
    sessions = Sessions(database, "before")
    for accessor in ("a", "b"):
        sessions.opened(accessor)
    sessions.ended("a")
    sessions.ended("never known")
    assert sessions.left_over() == []
    assert Sessions(database, "now").left_over() == ["b"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(INCIDENTS)
def test_incidents_survive_storage(incident: Incident) -> None:
    """Every incident comes back from its row as it was, and its row says the same again."""
    again = incident_from(incident_text(incident))
    assert again == incident
    assert incident_text(again) == incident_text(incident)
    if incident.course.plan and again.course.plan:
        assert again.course.plan.digest == incident.course.plan.digest


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ALERTS)
def test_alerts_survive_storage(alert: Alert) -> None:
    """Every alert comes back from its row as it was."""
    assert alert_from(alert_text(alert)) == alert


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"id": "INC-A"}', '"\\ud800"', "[" * 5000])
def test_what_is_no_document(text: str) -> None:
    """A row that holds anything else is refused with a sentence that says what to do."""
    for read in (incident_from, alert_from):
        with pytest.raises(UnreadableDocument, match="restore the backup"):
            read(text)
