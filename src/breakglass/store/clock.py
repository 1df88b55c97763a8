# SPDX-License-Identifier: GPL-3.0-or-later
"""The database's clock in SQL: the one clock of leases, cooldowns and all moments of the store, whatever machines think."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class DatabaseClock(ColumnElement[int]):
    """Milliseconds since 1970 (UTC) at this moment, also within a transaction that has lasted for a while."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(DatabaseClock, "sqlite")
def _on_sqlite(_element: DatabaseClock, _compiler: SQLCompiler, **_: object) -> str:
    # SQLite of Debian 12 has no unixepoch('subsec'); this is the same clock in milliseconds.
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(DatabaseClock, "postgresql")
def _on_postgresql(_element: DatabaseClock, _compiler: SQLCompiler, **_: object) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


NOW: ColumnElement[int] = DatabaseClock()
