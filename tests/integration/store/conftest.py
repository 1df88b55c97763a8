# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of a real PostgreSQL for each test, and what stands on it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.support.postgresql import own_postgresql, postgresql  # noqa: F401 (fixtures)
from tests.unit.store.conftest import incidents, queue  # noqa: F401 (fixtures)

from breakglass.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgresql import PostgreSQL

NUMBERS = count()


@pytest.fixture
def address(postgresql: PostgreSQL, tmp_path: Path) -> tuple[str, Path]:  # noqa: F811
    """An empty database: its URL, and the file with its password."""
    name = f"breakglass_{next(NUMBERS)}"
    here = {"host": "127.0.0.1", "port": postgresql.port, "user": "postgres"}
    with psycopg.connect(**here, password=postgresql.password, dbname="postgres", autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute(f"CREATE DATABASE {name}".encode())
    password = tmp_path / "database-password"
    password.touch(mode=0o600)
    password.write_text(postgresql.password, encoding="ascii")
    return f"postgresql://postgres@127.0.0.1:{postgresql.port}/{name}", password


@pytest.fixture
def place(address: tuple[str, Path]) -> tuple[str, str, Path]:
    """Where a database may be made: its URL, the runner's name, the file of a password."""
    url, password = address
    return url, "runner-a", password


@pytest.fixture
def database(address: tuple[str, Path]) -> Iterator[Database]:
    url, password = address
    database = Database.open(url, "runner-a", password)
    yield database
    database.close()
