# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty rounds of tests/soak/recording.py: play, shipper and runner are killed, and no record is lost."""

from __future__ import annotations

import random

import pytest
from tests.soak.recording import VICTIMS, Tally, one_round
from tests.support.recorded_site import RecordedSite
from tests.support.traces import all_events

ROUNDS = 10
LIMIT_SECONDS = 400  # above the rounds' own limits, which say what is amiss


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("seed", [4, 5])
def test_whoever_is_killed_no_record_is_lost(seed: int) -> None:
    """After each round every record is in the journal once and in each sink, unchanged, and half lines are signed for."""
    dice, tally = random.Random(seed), Tally()
    with RecordedSite() as site:
        site.start_runner()
        while tally.rounds < ROUNDS:
            one_round(site, dice, tally)
        site.check_end()
        assert set(tally.killed) == set(VICTIMS)
        assert 0 < len(tally.torn) <= [event.kind for event in all_events(site)].count("stream.recovered")
