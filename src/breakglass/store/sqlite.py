# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite: the database of one runner, in a file beside which a lock keeps a second runner out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.errors import DatabaseUnavailable, RunnerAlreadyRunning

if TYPE_CHECKING:
    import sqlite3

BUSY_MILLISECONDS = 1500
"""How long one waits for the lock of the database, and for a connection to it: together less than a lease leaves time for."""
BEGINNING = "breakglass_begin"


class SQLite:
    """One file. A write transaction is alone in it; readers see what was there when they began."""

    several_runners = False

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url, hide_parameters=True, pool_size=20, pool_timeout=BUSY_MILLISECONDS / 1000)
        self.reading: sa.Engine = self.engine.execution_options(**{BEGINNING: "BEGIN"})
        self.path = Path(self.engine.url.database or "")
        self.title = f"The database {self.path}"
        self.advice = "Look at its disk space, its permissions and for another program that holds it."
        self._lock: int | None = None
        sa.event.listen(self.engine, "connect", _configure)
        sa.event.listen(self.engine, "begin", _begin)

    def take(self) -> None:
        """Make the file if there is none, and take it for this runner; raises RunnerAlreadyRunning, DatabaseUnavailable."""
        path = self.path.with_name(self.path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its log gets the same mode
        except BlockingIOError:
            self.close()
            raise RunnerAlreadyRunning(
                f"Another runner works on {self.path} (it holds {path}). Stop it first, or give this one a "
                "database_url of its own."
            ) from None
        except OSError as error:
            raise DatabaseUnavailable(f"The database {self.path} can't be opened: {error.strerror}.") from error

    def find(self) -> None:
        """Raise DatabaseUnavailable when there is none yet; for commands, which make none."""
        if not self.path.exists():
            raise DatabaseUnavailable(
                f"There is no database at {self.path} yet, so nothing can start: the runner makes it. If it has one, "
                "name its settings with --settings."
            )

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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
    connection.exec_driver_sql(connection.get_execution_options().get(BEGINNING, "BEGIN IMMEDIATE"))
