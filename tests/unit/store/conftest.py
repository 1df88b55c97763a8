# SPDX-License-Identifier: GPL-3.0-or-later
"""A database on a real file, and what stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from breakglass.store.database import Database
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str, Path | None]:
    """Where a database may be made: its URL, the runner's name, the file of a password."""
    return f"sqlite:///{tmp_path}/breakglass.db", "", None


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    yield database
    database.close()


@pytest.fixture
def incidents(database: Database) -> Incidents:
    return Incidents(database)


@pytest.fixture
def queue(database: Database) -> JournalQueue:
    return JournalQueue(database)
