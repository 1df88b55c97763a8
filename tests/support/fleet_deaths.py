# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents of a fleet whose runners are killed at moments chosen by chance, one death in each life of an incident."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.fleet import START_LIMIT_SECONDS
from tests.support.starts import done_twice
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from tests.support.crash_site import Pager
    from tests.support.fleet import Fleet

LATEST_DEATH_SECONDS = 3.0
LONGEST_LIFE_SECONDS = 120


@dataclass
class Deaths:
    """What was gone through.

    Attributes:
        rounds: Lives of incidents, each with a death; all that must hold did.
        by_hand: Of these, so many in which a person had to start the service, because nobody saw the end of the repair.
        longest_seconds: From the fault to the end of the longest.
    """

    rounds: int = 0
    by_hand: int = 0
    longest_seconds: float = 0.0


def die_by_chance(fleet: Fleet, rounds: int, seed: int, until: float = math.inf) -> Deaths:
    """So many incidents, or fewer when it is later than `until` (monotonic); after each everything is checked that must hold."""
    dice, done = random.Random(seed), Deaths()
    for number in range(rounds):
        began = time.monotonic()
        if began > until:
            break
        pager = _one_life(fleet, dice)
        fleet.check_incident(pager.alert.incident)
        by_hand = ", by hand" if pager.repaired_by_hand else ""
        print(f"{number}: {time.monotonic() - began:.1f} s, {fleet.times('started')} starts{by_hand}", flush=True)
        twice = done_twice(
            fleet.times("started"), fleet.events(pager.alert.incident), idempotent=True
        )  # as its role says
        assert not twice, f"{twice}: {fleet.report()}"
        done.rounds += 1
        done.by_hand += pager.repaired_by_hand
        done.longest_seconds = max(done.longest_seconds, round(time.monotonic() - began, 1))
    return done


def _one_life(fleet: Fleet, dice: random.Random) -> Pager:
    pager = fleet.break_service()
    moment, began = dice.uniform(0, LATEST_DEATH_SECONDS), time.monotonic()
    of_the_owner, anybody = dice.random() < 2 / 3, dice.choice(fleet.members)
    while not pager.look():
        fleet.look_at_starts()
        if moment and time.monotonic() - began > moment:
            moment = 0
            owner = fleet.owner(pager.alert.incident)
            victim = owner if owner and of_the_owner else anybody
            if victim.alive:
                victim.serving.kill()
                fleet.start(victim)
        assert time.monotonic() - began < LONGEST_LIFE_SECONDS, fleet.report()
        time.sleep(0.02)
    wait_until(lambda: fleet.look_at_starts() == 0, 2 * START_LIMIT_SECONDS, fleet.report)
    wait_until(fleet.quiet, 30, fleet.report)
    return pager
