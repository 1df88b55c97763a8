# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests say of an SQLite database, said of PostgreSQL: `database` is another one here."""

from __future__ import annotations

from tests.unit.store.test_store_early_ends import *  # noqa: F403 (the tests themselves)
