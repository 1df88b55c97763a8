# SPDX-License-Identifier: GPL-3.0-or-later
"""When a maintenance window is open, also while the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.domain.maintenance import LARGEST_CHANGE, Window, opened, windows_of
from breakglass.domain.schedule import EVERY_DAY, WEEKDAYS, Schedule

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def window(
    every: str = "sunday", at: str = "02:00", lasts: timedelta = 3 * HOUR, zone: str = "Europe/Berlin", name: str = "w"
) -> Window:
    return Window(name, "policy.yml:7", ("db",), Schedule(every, time.fromisoformat(at), zone), lasts)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(one: Window, day: str) -> float:
    """How long it is open on that day and the next, looked at by the minute."""
    minutes = [utc(day) + timedelta(minutes=number) for number in range(48 * 60)]
    return sum(one.open_until(minute) is not None for minute in minutes) / 60


def test_a_window_is_open_from_its_beginning_to_its_end() -> None:
    """The first moment belongs to it, the last one does not."""
    one, begins, ends = window(), utc("2026-11-22T01:00"), utc("2026-11-22T04:00")
    assert [one.open_until(moment) for moment in (begins, ends - SECOND)] == [ends, ends]
    assert [one.open_until(moment) for moment in (begins - SECOND, ends)] == [None, None]


@pytest.mark.parametrize("at", ["02:00", "02:30", "00:30"])
def test_a_window_in_the_night_that_is_an_hour_shorter_lasts_its_hours(at: str) -> None:
    """2026-03-29 in Berlin: what begins at a time that does not exist begins as much later, and nobody is cut short."""
    assert hours(window(at=at), "2026-03-28T12:00") == 3
    assert window(at="02:00").open_until(utc("2026-03-29T01:00")) == utc("2026-03-29T04:00")  # 03:00 to 06:00


@pytest.mark.parametrize("at", ["02:00", "02:30", "00:30"])
def test_a_window_in_the_night_that_is_an_hour_longer_ends_by_the_wall(at: str) -> None:
    """2026-10-25 in Berlin: who began at the second two o'clock has three hours, too, as the clock on the wall says."""
    assert hours(window(at=at), "2026-10-24T12:00") == 4
    assert window(at="02:00").open_until(utc("2026-10-25T00:00")) == utc(
        "2026-10-25T04:00"
    )  # 02:00 to 05:00, twice two


def test_an_end_that_the_clocks_show_twice_is_the_second() -> None:
    """A window from 23:30 to 02:30 lasts until it is half past two for the last time."""
    one = window("saturday", "23:30")
    assert one.open_until(utc("2026-10-24T22:00")) == utc("2026-10-25T01:30")


def test_a_window_of_days_spans_a_change_of_the_clocks() -> None:
    """From Friday evening to Monday evening, in both directions."""
    one = window("friday", "22:00", timedelta(days=3))
    assert one.open_until(utc("2026-03-28T12:00")) == utc("2026-03-30T21:00")  # 72 hours: 23:00 in Berlin
    assert one.open_until(utc("2026-10-24T12:00")) == utc("2026-10-26T21:00")  # 22:00 in Berlin: 73 hours
    assert one.open_until(utc("2026-10-29T12:00")) is None


def test_of_several_windows_the_one_that_is_open_for_longest_counts() -> None:
    """And it says its name and its end by its own clocks."""
    short, long = window(lasts=HOUR, name="short"), window(name="long")
    found = opened((short, long), utc("2026-11-22T01:30"))
    assert found is not None
    assert str(found) == "in maintenance window long until 2026-11-22 05:00 Europe/Berlin"
    assert opened((short, long), utc("2026-11-22T05:00")) is None
    assert opened((), utc("2026-11-22T01:30")) is None


def test_one_host_in_a_window_is_enough() -> None:
    """A window is of groups; hosts that nobody knows are in none."""
    one, inventory = window(), {"db1": frozenset({"db", "all"}), "web1": frozenset({"web", "all"})}
    assert windows_of((one,), ("web1", "db1"), inventory) == (one,)
    assert windows_of((one,), ("web1", "db9"), inventory) == ()
    assert windows_of((one,), (), inventory) == ()


@given(
    st.sampled_from((EVERY_DAY, *WEEKDAYS)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None)),
    st.sampled_from(ZONES),
    st.timedeltas(timedelta(seconds=1), timedelta(hours=20)),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 (bounds)
)
def test_a_window_is_open_while_one_of_its_clocks_says_so(
    every: str, at: time, zone: str, lasts: timedelta, moment: datetime
) -> None:
    """Told by both clocks from each opening before the moment: hours that have passed, and what the wall shows."""
    one, now = Window("w", "", ("db",), Schedule(every, at, zone), lasts), moment.replace(tzinfo=UTC)
    begun = one.schedule.between(now - lasts - timedelta(days=1), now)
    local = ZoneInfo(zone)

    def by_the_wall(opening: datetime) -> timedelta:
        shown = [when.astimezone(local).replace(tzinfo=None) for when in (opening, now)]
        return shown[1] - shown[0]

    open_by_hours = any(now - opening < lasts for opening in begun)
    open_by_wall = any(by_the_wall(opening) < lasts for opening in begun)
    until = one.open_until(now)
    if open_by_hours or open_by_wall:
        assert until is not None
    if until is not None:
        assert now < until <= max(begun) + lasts + LARGEST_CHANGE
        assert one.open_until(until - SECOND) == until
