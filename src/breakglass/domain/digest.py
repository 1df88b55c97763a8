# SPDX-License-Identifier: GPL-3.0-or-later
"""When a digest is due, from when to when it tells, and when it is tried again. Pure, by the database's clock.

A digest tells of what ended since the last one that was delivered: one that was missed, because no runner worked or
its channel was down, is part of the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from breakglass.domain.schedule import Schedule

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=5)
IN_VAIN = 3
"""Tries after which people are told by another way."""


@dataclass(frozen=True)
class Standing:
    """How the digest stands.

    Attributes:
        schedule: In words; another one begins anew.
        looked_until: Up to when the schedule was looked at.
        told_until: Up to when people know.
        due_at: When the one was due that was not delivered yet; None when none is.
        failures: Tries of it that failed in a row.
        try_at: When to try again; None for at once.
    """

    schedule: str
    looked_until: datetime
    told_until: datetime
    due_at: datetime | None = None
    failures: int = 0
    try_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether to try now."""
        return self.due_at is not None and (self.try_at is None or self.try_at <= now)


def begun(schedule: Schedule, now: datetime) -> Standing:
    """Nothing of what was before is told."""
    return Standing(str(schedule), now, now)


def looked(standing: Standing, schedule: Schedule, now: datetime) -> Standing:
    """Look at the schedule; of several moments that have passed the last one counts."""
    if standing.schedule != str(schedule):
        return replace(standing, schedule=str(schedule), looked_until=now)
    due = schedule.between(standing.looked_until, now)
    return replace(standing, looked_until=due[-1], due_at=standing.due_at or due[-1]) if due else standing


def delivered(standing: Standing, until: datetime) -> Standing:
    """The channel took it; it told of what was up to then."""
    return replace(standing, told_until=until, due_at=None, failures=0, try_at=None)


def failed(standing: Standing, now: datetime) -> Standing:
    """The channel did not take it; it is tried for ever, with pauses up to the longest."""
    pause = min(FIRST_PAUSE * 2 ** min(standing.failures, 10), LONGEST_PAUSE)
    return replace(standing, failures=standing.failures + 1, try_at=now + pause)
