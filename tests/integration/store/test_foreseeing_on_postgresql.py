# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests say of an SQLite database, said of PostgreSQL: `place` is another one here."""

from __future__ import annotations

from tests.unit.store.test_store_foreseeing import *  # noqa: F403 (the tests themselves)
