# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database remembers of second factors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from breakglass.store.factors import MOST_TRIES, Factors, LockedFactor, UsedCode
from breakglass.store.tables import FACTOR, USED_CODE

if TYPE_CHECKING:
    from breakglass.store.database import Database

DAY = 86_400_000


def test_tries_are_counted_and_locked(database: Database) -> None:
    """Of each person apart; a right code starts anew."""
    factors = Factors(database)
    for _ in range(MOST_TRIES):
        factors.begin_try("ada")
    with pytest.raises(LockedFactor):
        factors.begin_try("ada")
    factors.begin_try("ben")
    factors.use("ada", "12345678")
    factors.begin_try("ada")


def test_a_lock_ends_a_while_after_the_last_try(database: Database) -> None:
    """A try that was refused does not prolong it."""
    factors = Factors(database)
    for _ in range(MOST_TRIES):
        factors.begin_try("ada")
    with database.transaction() as connection:
        connection.execute(sa.update(FACTOR).values(tried_at=FACTOR.c.tried_at - DAY))
    factors.begin_try("ada")


def test_many_tries_at_once_are_all_counted(database: Database) -> None:
    """Guessing in parallel buys nothing."""
    factors = Factors(database)

    def guess(_number: int) -> bool:
        try:
            factors.begin_try("ada")
        except LockedFactor:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(20))) == MOST_TRIES


def test_a_code_is_used_once(database: Database) -> None:
    """By one person; somebody else may happen to have the same one. Old ones are forgotten."""
    factors = Factors(database)
    factors.use("ada", "12345678")
    with pytest.raises(UsedCode):
        factors.use("ada", "12345678")
    factors.use("ben", "12345678")
    with database.transaction() as connection:
        connection.execute(sa.update(USED_CODE).values(at=USED_CODE.c.at - 2 * DAY))
    factors.use("ada", "12345678")


def test_a_code_that_comes_twice_at_once_counts_once(database: Database) -> None:
    """Whoever is second hears that it was used."""
    factors = Factors(database)

    def use(_number: int) -> bool:
        try:
            factors.use("ada", "12345678")
        except UsedCode:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(use, range(4))) == 1
