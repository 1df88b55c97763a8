# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: the database of several runners.

A write transaction takes one advisory lock of the database first, and so is alone in it, exactly as with SQLite: whatever
is decided in it (limits, claims, the order of an inbox) can't be overtaken. A runner that freezes in the middle of one
is cut off by the server before others lose patience.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_SECONDS = 2
WAIT_MILLISECONDS = 1500
STATEMENT_MILLISECONDS = 5000
FROZEN_MILLISECONDS = 3000
UNHEARD_MILLISECONDS = 5000
PLACES = 20
TURN = 0x627265616B676C73  # "breakgls"

_OPTIONS = {
    "lock_timeout": WAIT_MILLISECONDS,
    "statement_timeout": STATEMENT_MILLISECONDS,
    "idle_in_transaction_session_timeout": FROZEN_MILLISECONDS,
    "synchronous_commit": "on",
}


class PostgreSQL:
    """One database, used by any number of runners.

    `url` is `postgresql://USER@HOST:PORT/DATABASE` with parameters of libpq (`sslmode`, `sslrootcert`, …) and without a
    password, which is read from its file at each connection, so that it can be rotated.
    """

    several_runners = True

    def __init__(self, url: str, password_file: Path | None) -> None:
        target = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.engine = sa.create_engine(
            target,
            hide_parameters=True,
            pool_size=PLACES,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,  # after a restart of the server the old connections are dead
            connect_args={
                "application_name": "breakglass",
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": UNHEARD_MILLISECONDS,
                "options": " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
            },
        )
        self.reading: sa.Engine = self.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.title = f"The database {target.database} on {target.host or 'this machine'}"
        self.advice = "Look at the server, at the way to it, and at sessions that hold locks in it."
        self._password_file = password_file
        sa.event.listen(self.engine, "do_connect", self._with_password)
        sa.event.listen(self.engine, "begin", _take_turn)

    def take(self) -> None:
        """Nothing is to be taken: several may work on it."""

    def find(self) -> None:
        """Nothing is to be found: a server that is not there says so when it is asked."""

    def close(self) -> None:
        """Let go of it."""
        self.engine.dispose()

    def _with_password(
        self, _dialect: sa.Dialect, _record: object, _arguments: list[str], options: dict[str, object]
    ) -> None:
        if self._password_file is not None:
            options["password"] = read_secret_file(self._password_file)


def _take_turn(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("postgresql_readonly"):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (TURN,))
