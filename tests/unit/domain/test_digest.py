# SPDX-License-Identifier: GPL-3.0-or-later
"""When a digest is due, and that everything is told once: by the next digest that is delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.incidents import DAY, HOUR, MINUTE, SECOND

from breakglass.domain.digest import FIRST_PAUSE, LONGEST_PAUSE, Standing, begun, delivered, failed, looked
from breakglass.domain.schedule import Schedule

MORNING = Schedule("day", time(8, 30), "UTC")
BEGUN = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
DUE = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def after(standing: Standing, now: datetime) -> Standing:
    return looked(standing, MORNING, now)


def test_nothing_is_due_before_its_time() -> None:
    """A digest that was just set up tells of what comes from now on, at its next time."""
    standing = begun(MORNING, BEGUN)
    assert (standing.told_until, standing.is_due(BEGUN)) == (BEGUN, False)
    assert not after(standing, DUE - SECOND).is_due(DUE)
    due = after(standing, DUE)
    assert (due.due_at, due.is_due(DUE)) == (DUE, True)


def test_what_is_delivered_is_due_no_more() -> None:
    """Until the next day; then it tells of what came since."""
    told = delivered(after(begun(MORNING, BEGUN), DUE), DUE + SECOND)
    assert not after(told, DUE + HOUR).is_due(DUE + HOUR)
    tomorrow = after(told, DUE + DAY)
    assert (tomorrow.due_at, tomorrow.told_until) == (DUE + DAY, DUE + SECOND)


def test_days_that_were_missed_are_one_digest() -> None:
    """It comes as soon as a runner works, and tells of all of them."""
    late = after(begun(MORNING, BEGUN), DUE + 3 * DAY + HOUR)
    assert late.is_due(DUE + 3 * DAY + HOUR)
    assert (late.due_at, late.told_until) == (DUE + 3 * DAY, BEGUN)
    told = delivered(late, DUE + 3 * DAY + HOUR)
    assert not after(told, DUE + 4 * DAY - SECOND).is_due(DUE + 4 * DAY - SECOND)


def test_it_is_tried_for_ever() -> None:
    """With pauses that grow up to the longest; the one that is overdue keeps its time."""
    standing, now = after(begun(MORNING, BEGUN), DUE), DUE
    pauses = []
    for _ in range(50):
        standing = failed(standing, now)
        assert standing.try_at is not None
        assert not standing.is_due(standing.try_at - SECOND)
        assert standing.is_due(standing.try_at)
        pauses.append(standing.try_at - now)
        now = standing.try_at
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    tomorrow = after(standing, DUE + DAY)
    assert (tomorrow.due_at, tomorrow.failures) == (DUE, 50)


def test_another_schedule_begins_anew() -> None:
    """It is not due for times that were before; what nobody was told yet stays to be told, and what is overdue stays due."""
    evening = Schedule("day", time(20, 0), "UTC")
    standing = begun(MORNING, BEGUN)
    changed = looked(standing, evening, DUE + HOUR)
    assert (changed.due_at, changed.told_until) == (None, BEGUN)
    assert looked(changed, evening, DUE + 12 * HOUR).is_due(DUE + 12 * HOUR)
    overdue = failed(after(standing, DUE), DUE)
    assert looked(overdue, evening, DUE + HOUR).due_at == DUE


def test_a_clock_that_is_set_back() -> None:
    """Makes nothing due that was told."""
    told = delivered(after(begun(MORNING, BEGUN), DUE), DUE)
    assert after(told, DUE - HOUR).due_at is None
    assert after(after(told, DUE - HOUR), DUE + MINUTE).due_at is None


STEPS = st.lists(
    st.tuples(st.timedeltas(SECOND, 3 * DAY), st.sampled_from(["taken", "not taken", "asleep"])), max_size=30
)


@given(STEPS)
def test_everything_is_told_once(steps: list[tuple[timedelta, str]]) -> None:
    """Whatever fails or is missed, the periods of the digests that were delivered follow each other without a gap."""
    standing, now, periods = begun(MORNING, BEGUN), BEGUN, []
    for wait, what in steps:
        now += wait
        if what == "asleep":
            continue
        standing = after(standing, now)
        if standing.is_due(now):
            period = (standing.told_until, now)
            standing = delivered(standing, now) if what == "taken" else failed(standing, now)
            periods += [period] if what == "taken" else []
        assert standing == after(standing, now), "a second look changes nothing"
    beginnings, ends = [BEGUN, *(end for _, end in periods)], [*(begin for begin, _ in periods), standing.told_until]
    assert beginnings == ends


def test_the_time_of_a_zone() -> None:
    """Is that of its clocks."""
    berlin = replace(MORNING, timezone="Europe/Berlin")
    assert looked(begun(berlin, BEGUN), berlin, DUE).due_at == DUE - HOUR
