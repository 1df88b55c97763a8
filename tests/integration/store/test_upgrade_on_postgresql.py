# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests say of an SQLite database of an earlier version, said of PostgreSQL: `place` is another one here."""

from __future__ import annotations

from tests.unit.store.test_store_upgrade import (  # noqa: F401 (the tests themselves)
    test_a_command_after_an_upgrade,
    test_several_that_start_at_once,
    test_what_waited_goes_on_after_an_upgrade,
)
