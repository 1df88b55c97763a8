# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows: when nothing starts on hosts that people work on, and for how long still. Pure.

A window opens when its schedule says so, and is over when both clocks say so: the one that counts the hours that pass, and
the one on the wall. They differ only in windows across a change of the clocks; such a window lasts the longer of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from breakglass.domain.schedule import EVERY_DAY, Schedule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

A_DAY = timedelta(days=1)
A_WEEK = timedelta(weeks=1)
LARGEST_CHANGE = timedelta(hours=3)
"""More than any time zone has moved its clocks at once in this century, but for those that changed their date."""


@dataclass(frozen=True)
class Window:
    """A time that comes again, in which triggers only observe some hosts.

    Attributes:
        name: Unique among the windows of the policy.
        line: Where its name stands: `breakglass.yml:70`.
        hosts: Inventory groups.
        schedule: When it opens.
        lasts: How long it is open.
    """

    name: str
    line: str
    hosts: tuple[str, ...]
    schedule: Schedule
    lasts: timedelta

    @property
    def period(self) -> timedelta:
        """From one opening to the next; a window that lasts as long is never closed."""
        return A_DAY if self.schedule.every == EVERY_DAY else A_WEEK

    def open_until(self, now: datetime) -> datetime | None:
        """When the opening ends (UTC) in which this moment lies; None when it is closed."""
        openings = self.schedule.between(now - self.lasts - LARGEST_CHANGE, now)
        return max((end for end in map(self._end, openings) if end > now), default=None)

    def _end(self, opening: datetime) -> datetime:
        by_the_wall = opening.astimezone(ZoneInfo(self.schedule.timezone)) + self.lasts  # what its clocks will show
        readings = (by_the_wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        return max(opening + self.lasts, *readings)


@dataclass(frozen=True)
class Opened:
    """A window that is open, and until when (UTC)."""

    window: Window
    until: datetime

    def __str__(self) -> str:
        """Say so with its name, by the clocks of its time zone."""
        local = self.until.astimezone(ZoneInfo(self.window.schedule.timezone))
        return f"in maintenance window {self.window.name} until {local:%Y-%m-%d %H:%M} {self.window.schedule.timezone}"


def windows_of(
    windows: Iterable[Window], hosts: Collection[str], inventory: Mapping[str, frozenset[str]]
) -> tuple[Window, ...]:
    """The windows that at least one of the hosts is in; `inventory` gives each host's groups."""
    groups = frozenset[str]().union(*(inventory.get(host, frozenset()) for host in hosts))
    return tuple(window for window in windows if not groups.isdisjoint(window.hosts))


def opened(windows: Iterable[Window], now: datetime) -> Opened | None:
    """The window that is open at this moment; of several, the one that is open for longest."""
    found = [Opened(window, until) for window in windows if (until := window.open_until(now))]
    return max(found, key=lambda one: one.until, default=None)
