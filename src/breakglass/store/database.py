# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of the runners: its transactions, its clock, its schema. Which kind it is shows nowhere above the store."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from breakglass.errors import BreakglassError
from breakglass.secret_files import UnreadableSecret
from breakglass.store.clock import NOW
from breakglass.store.errors import DatabaseUnavailable, RunnerAlreadyRunning
from breakglass.store.postgresql import PostgreSQL
from breakglass.store.sqlite import SQLite
from breakglass.store.tables import OUTBOX, RUNNER, STREAM
from breakglass.store.turns import Line, Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "NOW",
    "Database",
    "DatabaseUnavailable",
    "RunnerAlreadyRunning",
    "milliseconds",
    "moment",
    "now",
    "runner_of",
]

_RUNNER = "breakglass_runner"
PATIENCE_SECONDS = 2.0


class Kind(Protocol):
    """What differs between the kinds of databases.

    Attributes:
        engine: Whose transactions write, each alone in the database.
        reading: Whose transactions read, each one consistent view, and wait for nobody.
        several_runners: Whether more than one runner may work on it.
        title: The database as the subject of a sentence.
        advice: What to look at when it fails.
    """

    engine: sa.Engine
    reading: sa.Engine
    several_runners: bool
    title: str
    advice: str

    def take(self) -> None:
        """Take it for this runner; raises RunnerAlreadyRunning, DatabaseUnavailable."""
        ...

    def find(self) -> None:
        """Raise DatabaseUnavailable when there is none yet."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Database:
    """One database. Every method of the store runs inside `transaction` or `reading`.

    Attributes:
        runner: The runner's name, by which its own rows are known; empty for the only one of an SQLite database that has none.
        several_runners: Whether more than one runner may work on it.
    """

    def __init__(self, url: str, runner: str = "", password_file: Path | None = None) -> None:
        self._kind: Kind = SQLite(url) if url.startswith("sqlite:") else PostgreSQL(url, password_file)
        self.several_runners = self._kind.several_runners
        self._turn = Turns()
        self._be(runner)

    @classmethod
    def open(cls, url: str, runner: str = "", password_file: Path | None = None) -> Database:
        """Take the database for this runner and bring its schema up to date.

        Raises:
            RunnerAlreadyRunning: Another process has it, and it can have one only.
            DatabaseUnavailable: It can't be opened or migrated.
        """
        database = cls(url, runner, password_file)
        database._kind.take()
        try:
            with database.transaction() as connection:
                _migrate(connection)
                if not database.several_runners:
                    _adopt(connection, runner)
        except BreakglassError:
            database.close()
            raise
        return database

    @classmethod
    def beside(cls, url: str, runner: str = "", password_file: Path | None = None) -> Database:
        """The database for a command, whether a runner works on it or not.

        Where several runners may, what a command has recorded is written down by the one that was seen last.

        Raises:
            DatabaseUnavailable: There is none yet, or it can't be opened.
            RunnerAlreadyRunning: It is of an older version, and the runner of that version works on it.
        """
        database = cls(url, runner, password_file)
        try:
            database._kind.find()
            with database.reading() as connection:
                current = revision_of(connection) == newest_revision()
                if current and database.several_runners:
                    seen_last = sa.select(RUNNER.c.name).order_by(RUNNER.c.seen_at.desc()).limit(1)
                    database._be(connection.execute(seen_last).scalar() or runner)
        except BreakglassError:
            database.close()
            raise
        if current:
            return database
        database.close()
        return cls.open(url, runner, password_file)

    @contextmanager
    def transaction(self, patience: float = PATIENCE_SECONDS, line: Line = Line.WORK) -> Iterator[sa.Connection]:
        """A write transaction, alone in the database; durable when the block has ended, undone when it raises.

        Within this process it waits in this line for its turn, for so many seconds at most, and raises DatabaseUnavailable then.
        """
        with self._turn_taken(patience, line), self._errors_named(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view for reading; writers don't wait for it."""
        with self._errors_named(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def _turn_taken(self, patience: float, line: Line) -> Iterator[None]:
        """One writer of this process at a time: who waits gets its turn at once, where the database would have it poll."""
        if not self._turn.acquire(patience, line):
            raise DatabaseUnavailable(
                f"{self._kind.title} is busy: others of this process have written for {max(patience, 0):.2g} s."
            )
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            known = "all connections to it are busy" if isinstance(error, PoolTimeout) else type(error).__name__
            why = " ".join(str(getattr(error, "orig", None) or known).split())
            raise DatabaseUnavailable(f"{self._kind.title} failed: {why}. {self._kind.advice}") from error
        except UnreadableSecret as error:
            raise DatabaseUnavailable(f"{self._kind.title} can't be asked. {error}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._kind.close()

    def _be(self, runner: str) -> None:
        self.runner = runner
        self._writing = self._kind.engine.execution_options(**{_RUNNER: runner})
        self._reading = self._kind.reading.execution_options(**{_RUNNER: runner})


def runner_of(connection: sa.Connection) -> str:
    """The name of the runner whose transaction this is."""
    return str(connection.get_execution_options()[_RUNNER])


def moment(milliseconds: int) -> datetime:
    """A moment of the database's clock as a datetime (UTC)."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def milliseconds(when: datetime) -> int:
    """The other way round."""
    return round(when.timestamp() * 1000)


def now(connection: sa.Connection) -> datetime:
    """The database's clock."""
    return moment(connection.execute(sa.select(NOW)).scalar_one())


def _adopt(connection: sa.Connection, runner: str) -> None:
    """The only runner of a database may be called otherwise than before; what waits is its own all the same."""
    for table in (OUTBOX, STREAM):
        connection.execute(sa.update(table).where(table.c.runner != runner).values(runner=runner))


def _migrate(connection: sa.Connection) -> None:
    config = _migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(connection: sa.Connection) -> str:
    """The revision of a database's schema; empty when it has none of ours."""
    revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision or ""


def newest_revision() -> str:
    """The revision that this version of the runner brings a schema to."""
    revision: str | None = ScriptDirectory.from_config(_migrations()).get_current_head()
    return revision or ""


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
