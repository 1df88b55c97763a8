# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.domain.schedule import EVERY_DAY, WEEKDAYS, Schedule

MONDAY = Schedule("monday", time(10, 0), "Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_weekday_is_one_of_the_time_zone() -> None:
    """Ten o'clock in Berlin is nine by UTC in winter and eight in summer."""
    assert MONDAY.next(utc("2026-11-27T12:00")) == utc("2026-11-30T09:00")
    assert MONDAY.next(utc("2026-06-30T12:00")) == utc("2026-07-06T08:00")
    assert str(MONDAY) == "every monday at 10:00 Europe/Berlin"


def test_the_beginning_is_left_out_and_the_end_is_not() -> None:
    """So that looking twice finds each moment once."""
    due = utc("2026-11-30T09:00")
    assert MONDAY.between(due - timedelta(seconds=1), due) == [due]
    assert MONDAY.between(due, due + timedelta(seconds=1)) == []


def test_a_time_that_the_clocks_leave_out_comes_an_hour_later() -> None:
    """2026-03-29, 02:30 does not exist in Berlin."""
    daily = Schedule(EVERY_DAY, time(2, 30), "Europe/Berlin")
    (due,) = daily.between(utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    assert due == utc("2026-03-29T01:30")


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    """2026-10-25, 02:30 comes twice in Berlin, and the drill once."""
    daily = Schedule(EVERY_DAY, time(2, 30), "Europe/Berlin")
    assert daily.between(utc("2026-10-24T12:00"), utc("2026-10-25T12:00")) == [utc("2026-10-25T00:30")]


def test_who_looks_after_years_finds_a_year() -> None:
    """What is older is of no interest to anybody."""
    found = MONDAY.between(utc("1990-01-01T00:00"), utc("2026-11-27T12:00"))
    assert len(found) == 57
    assert found[0] > utc("2025-10-01T00:00")


@given(
    st.sampled_from((EVERY_DAY, *WEEKDAYS)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None)),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 (bounds)
)
def test_every_day_has_at_most_one(every: str, at: time, zone: str, moment: datetime) -> None:
    """Any month has each of its days once or, where the calendar left a day out, not at all; and what comes next is due."""
    schedule = Schedule(every, at, zone)
    start = moment.replace(tzinfo=UTC)
    found = schedule.between(start, start + timedelta(days=31))
    days = [one.astimezone(ZoneInfo(zone)).date() for one in found]
    assert len(set(days)) == len(days)
    assert len(days) in ((30, 31, 32) if every == EVERY_DAY else (3, 4, 5))
    assert schedule.next(start) == found[0]
    assert all(every in (EVERY_DAY, WEEKDAYS[day.weekday()]) for day in days)


@pytest.mark.parametrize("every", WEEKDAYS)
def test_each_weekday_is_known(every: str) -> None:
    """Also by its name on that day."""
    due = Schedule(every, time(12, 0), "UTC").next(utc("2026-11-27T12:00"))
    assert due.strftime("%A").lower() == every
