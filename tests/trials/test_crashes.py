# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the runner at chosen points of an incident's life; tests/soak/crashes.py goes through all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.crash_site import CrashSite
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation and one journal for all crashes; at the end all of it must be intact."""
    with CrashSite() as made:
        made.start_runner()
        yield made
        made.check_end()


def live_with_crashes(site: CrashSite, *crashes: tuple[str, str, int]) -> list[object]:
    """One life of an incident, whose runner dies at one point after the other; how its attempts ended.

    A point is counted from the start of the runner that dies there. The checks are those that hold for every life.
    """
    pager = site.break_service()
    site.arm(*crashes[0])
    for following in (*crashes[1:], None):
        wait_until(lambda: (pager.look(), site.serving.ended())[1] is not None, 60, site.report)
        if following:
            site.arm(*following)
        site.start_runner()
    pager.see_through()
    site.check(pager)
    events = site.events(pager.alert.incident)
    assert [event.body["result"] for event in events if event.kind == "incident.closed"] == ["repaired"]
    assert (site.times("started"), pager.repaired_by_hand) == (1, False)
    return [event.body["outcome"] for event in events if event.kind == "play.ended"]


def test_a_runner_that_is_killed_in_each_state_is_continued_by_the_next(site: CrashSite) -> None:
    """Received, waiting, opening, closing, verifying, closed: six deaths, one repair, the alert recorded once."""
    ended = live_with_crashes(
        site,
        ("accept", "after", 1),  # the alert is kept, but nobody was told 202
        ("commit", "after", 1),  # it is to be reserved
        ("mint", "after", 1),  # a grant exists that nothing here knows of
        ("effect", "after", 3),  # opened, run, closed; the proof is not recorded
        ("commit", "after", 2),  # it is to be verified
        ("commit", "after", 1),  # it is closed, but the journal does not say so
    )

    assert ended == ["ok"]


def test_a_play_whose_runner_was_killed_is_repeated_unless_its_end_was_left_behind(site: CrashSite) -> None:
    """Killed when the play was to run: unknown, so a second attempt; killed when it had ended: its result is found."""
    ended = live_with_crashes(site, ("commit", "after", 3), ("commit", "before", 5))

    assert ended == ["unknown", "ok"]


def test_a_runner_that_is_killed_between_journal_and_database_leaves_a_journal_that_verifies(site: CrashSite) -> None:
    """A stream that is named but never written, a checkpoint and a seal that the database has not heard of."""
    ended = live_with_crashes(
        site,
        ("announce", "after", 2),
        ("seal", "after", 1),
        ("sealed", "before", 1),
    )

    assert ended == ["unknown", "ok"]


@pytest.mark.parametrize("point", ["commit", "written"])
def test_a_database_that_is_away_for_a_moment_costs_nothing(site: CrashSite, point: str) -> None:
    """No outcome of an effect is lost, no record is written twice, and no second grant is opened."""
    pager = site.break_service()
    site.arm(point, "fails", 3)

    pager.see_through()

    assert not site.armed.exists()
    site.check(pager)
    kinds = [event.kind for event in site.events(pager.alert.incident)]
    assert (kinds.count("grant.intent"), kinds.count("grant.minted"), kinds.count("play.ended")) == (1, 1, 1)
