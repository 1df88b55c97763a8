# SPDX-License-Identifier: GPL-3.0-or-later
"""A table in PostgreSQL, one row a record, by its id: what comes twice changes nothing, so a login that may INSERT suffices.

Needs psycopg (`pip install "psycopg[binary]"`), which is not installed by default.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..options import is_this_machine
from ..secret_file import read_secret
from ._sink import RefusedRecords, Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import psycopg

    from ..options import Options
    from ..parcel import Parcel

TABLE = """CREATE TABLE {table} (
    id text PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    origin text NOT NULL,
    seq bigint NOT NULL,
    body jsonb NOT NULL,
    line text NOT NULL
)"""
"""What the table looks like; `line` is the record as it stands in its stream, `body` a copy to search in."""
_INSERT = (
    "INSERT INTO {table} (id, at, kind, origin, seq, body, line) VALUES (%s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}(?:\.[a-z_][a-z0-9_]{0,62})?", re.ASCII)
_NUL = "\\u0000"


class Connection:
    """A connection that is kept, and made anew after a failure."""

    def __init__(self) -> None:
        self._open: psycopg.Connection | None = None

    def get(self, sink: PostgresqlSink) -> psycopg.Connection:
        """Return it; raises psycopg.Error and Unacknowledged."""
        import psycopg  # noqa: PLC0415 (an optional library)

        if self._open is None:
            self._open = psycopg.connect(
                host=sink.host,
                port=sink.port,
                dbname=sink.database,
                user=sink.user,
                password=read_secret(sink.password_file) if sink.password_file else None,
                sslmode=sink.tls,
                sslrootcert=str(sink.ca_cert) if sink.ca_cert else "system" if sink.tls == "verify-full" else None,
                connect_timeout=10,
                application_name="breakglass",
                options=f"-c statement_timeout={int(sink.timeout_seconds * 1000)}",
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=int(sink.timeout_seconds * 1000),
            )
        return self._open

    def drop(self) -> None:
        """Close it; the next one is made anew."""
        if self._open is not None:
            self._open.close()
            self._open = None


@dataclass(frozen=True)
class PostgresqlSink:
    """Inserts records; acknowledged is what was committed."""

    host: str
    port: int
    database: str
    user: str
    password_file: Path | None
    tls: str
    ca_cert: Path | None
    table: str
    timeout_seconds: float
    connection: Connection
    most: int

    @property
    def is_remote(self) -> bool:
        """Whether the server is on another machine."""
        return not is_this_machine(self.host)

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Insert the records in one transaction; raises Unacknowledged or RefusedRecords."""
        import psycopg  # noqa: PLC0415 (an optional library)

        where = f"PostgreSQL at {self.host}:{self.port}"
        try:
            opened = self.connection.get(self)
            with _cut_after(opened, self.timeout_seconds), opened.transaction(), opened.cursor() as cursor:
                cursor.executemany(_INSERT.format(table=self.table).encode(), [_row(parcel) for parcel in parcels])
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RefusedRecords(f"{where} refused a record (SQLSTATE {error.sqlstate}).") from None
        except psycopg.Error as error:
            self.connection.drop()
            why = f"SQLSTATE {error.sqlstate}" if error.sqlstate else type(error).__name__
            raise Unacknowledged(f"{where} did not take the records ({why}).") from None
        return len(parcels)

    def close(self) -> None:
        """Close the connection."""
        self.connection.drop()


@contextmanager
def _cut_after(connection: psycopg.Connection, seconds: float) -> Iterator[None]:
    """Cut a connection whose server hangs: the library would wait for ever."""
    descriptor = connection.fileno()

    def cut() -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
            same.shutdown(socket.SHUT_RDWR)

    late = threading.Timer(seconds, cut)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


def _row(parcel: Parcel) -> tuple[object, ...]:
    record = parcel.record
    # jsonb can't hold the character NUL; `line` has it, escaped as in the journal.
    body = json.dumps(record.body).replace("\\\\", "\\\\\0").replace(_NUL, "\\ufffd").replace("\\\\\0", "\\\\")
    return (record.id, record.at, record.kind, record.origin, record.seq, body, parcel.line.decode())


def make(options: Options) -> PostgresqlSink:
    """Take address, database, user, password_file, tls, ca_cert, table, timeout, batch."""
    if find_spec("psycopg") is None:
        raise options.wrong("kind", 'It needs a library: pip install "psycopg[binary]"')
    host, port = options.address("address", 5432)
    tls = options.choice("tls", ("verify-full", "disable"), "verify-full")
    if tls == "disable":
        options.refuse_clear_text("tls", host)
    table = options.words("table", "breakglass_journal")
    if not _NAME.fullmatch(table):
        raise options.wrong("table", "Write the name of a table, or schema.table: a-z, 0-9 and _.")
    return PostgresqlSink(
        host=host,
        port=port,
        database=options.words("database"),
        user=options.words("user"),
        password_file=options.file("password_file"),
        tls=tls,
        ca_cert=options.file("ca_cert"),
        table=table,
        timeout_seconds=options.seconds("timeout", "30s"),
        connection=Connection(),
        most=options.count("batch", 500, 10_000),
    )
