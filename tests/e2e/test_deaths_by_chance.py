# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at moments chosen by chance, fifteen incidents on each kind of database; tests/soak goes on to a hundred."""

from __future__ import annotations

import random

import pytest
from tests.soak.crashes import Done, crash_by_chance
from tests.support.crash_site import CrashSite
from tests.support.fleet import Fleet
from tests.support.fleet_deaths import die_by_chance

ROUNDS, SEED = 15, 20261127


@pytest.mark.timeout(900)
def test_a_random_runner_of_three_on_postgresql() -> None:
    """No incident is lost, none is repaired twice, no token lives on, all are closed, and every journal is intact."""
    with Fleet() as fleet:
        fleet.start_all()
        assert die_by_chance(fleet, ROUNDS, SEED).rounds == ROUNDS
        fleet.check_fleet_end()


@pytest.mark.timeout(900)
def test_the_only_runner_on_sqlite() -> None:
    """The same of the one runner and whatever runs below it: its guard, its play, the play's workers."""
    dice, done = random.Random(SEED), Done()
    with CrashSite() as site:
        site.start_runner()
        for _ in range(ROUNDS):
            crash_by_chance(site, done, dice)
        site.check_end()
    assert done.by_chance == ROUNDS
    assert done.deaths > 0
