# SPDX-License-Identifier: GPL-3.0-or-later
"""When something of the policy happens again and again: a day, a time of day, a time zone. Pure.

Days and times are those of the time zone's clocks. A time that they leave out in spring comes as much later as they were
put forward; one that they show twice in autumn means the first of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_DAY = "day"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_LOOK_BACK = timedelta(days=400)


@dataclass(frozen=True)
class Schedule:
    """A time that comes again.

    Attributes:
        every: A weekday, or `day`.
        at: Hour and minute on the clocks of the time zone.
        timezone: Name of the IANA time zone.
    """

    every: str
    at: time
    timezone: str

    def __str__(self) -> str:
        """In words, and the same for the same schedule."""
        return f"every {self.every} at {self.at:%H:%M} {self.timezone}"

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Every moment (UTC) later than `after` and not later than `until`, in order; of the last 400 days."""
        after = max(after, until - LONGEST_LOOK_BACK)
        return [moment for moment in self._around(after, until) if after < moment <= until]

    def next(self, after: datetime) -> datetime:
        """The first moment (UTC) later than this one."""
        return self.between(after, after + timedelta(days=9))[0]

    def _around(self, first: datetime, last: datetime) -> Iterator[datetime]:
        zone = ZoneInfo(self.timezone)
        day, end = (moment.astimezone(zone).date() for moment in (first - timedelta(days=1), last + timedelta(days=1)))
        while day <= end:
            if self._is_due(day):
                yield datetime.combine(day, self.at, zone).astimezone(UTC)
            day += timedelta(days=1)

    def _is_due(self, day: date) -> bool:
        return self.every == EVERY_DAY or WEEKDAYS[day.weekday()] == self.every
