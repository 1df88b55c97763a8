# SPDX-License-Identifier: GPL-3.0-or-later
"""The database: its connection settings, its clock, its schema, and the lock that keeps a second runner out."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

BUSY_MILLISECONDS = 1500
# SQLite of Debian 12 has no unixepoch('subsec'); this is the same clock in milliseconds.
NOW_SQL = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
NOW: sa.ColumnElement[int] = sa.literal_column(NOW_SQL, sa.BigInteger)


class DatabaseUnavailable(BreakglassError):
    """Raised when the database does not take or give what it was asked for: locked, full, broken or gone."""


class RunnerAlreadyRunning(BreakglassError):
    """Raised when another runner has the same SQLite database open."""


class Database:
    """One SQLite database of one runner. Every method of the store runs inside `transaction`."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, hide_parameters=True, pool_size=20)
        self._path = Path(self._engine.url.database or "")
        self._lock: int | None = None
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)
        self._reading = self._engine.execution_options(breakglass_begin="BEGIN")

    @classmethod
    def open(cls, url: str) -> Database:
        """Take the database for this runner and bring its schema up to date.

        Raises:
            RunnerAlreadyRunning: Another process has it.
            DatabaseUnavailable: It can't be opened or migrated.
        """
        database = cls(url)
        database._take_lock()
        try:
            with database.transaction() as connection:
                _migrate(connection)
        except BreakglassError:
            database.close()
            raise
        return database

    @classmethod
    def beside(cls, url: str) -> Database:
        """The database for a command, whether a runner works on it or not.

        Raises:
            DatabaseUnavailable: There is none yet, or it can't be opened.
            RunnerAlreadyRunning: It is of an older version, and the runner of that version works on it.
        """
        database = cls(url)
        if not database._path.exists():
            raise DatabaseUnavailable(
                f"There is no database at {database._path} yet, so nothing can start: the runner makes it. If it has one, "
                "name its settings with --settings."
            )
        try:
            with database.reading() as connection:
                current = _revision(connection) == _newest_revision()
        except BreakglassError:
            database.close()
            raise
        if current:
            return database
        database.close()
        return cls.open(url)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A write transaction, alone in the database; durable when the block has ended, undone when it raises."""
        with self._errors_named(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view for reading; writers don't wait for it."""
        with self._errors_named(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", None) or type(error).__name__)
            raise DatabaseUnavailable(
                f"The database {self._path} failed: {why}. Look at its disk space, its permissions and for another "
                "program that holds it."
            ) from error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        path = self._path.with_name(self._path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its log gets the same mode
        except BlockingIOError:
            self.close()
            raise RunnerAlreadyRunning(
                f"Another runner works on {self._path} (it holds {path}). Stop it first, or give this one a "
                "database_url of its own."
            ) from None
        except OSError as error:
            raise DatabaseUnavailable(f"The database {self._path} can't be opened: {error.strerror}.") from error


def moment(milliseconds: int) -> datetime:
    """A moment of the database's clock as a datetime (UTC)."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def milliseconds(when: datetime) -> int:
    """The other way round."""
    return round(when.timestamp() * 1000)


def now(connection: sa.Connection) -> datetime:
    """The database's clock."""
    return moment(connection.execute(sa.select(NOW)).scalar_one())


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("breakglass_begin", "BEGIN IMMEDIATE"))


def _migrate(connection: sa.Connection) -> None:
    config = _migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision


def _newest_revision() -> str | None:
    revision: str | None = ScriptDirectory.from_config(_migrations()).get_current_head()
    return revision


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
