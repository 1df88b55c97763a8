# SPDX-License-Identifier: GPL-3.0-or-later
"""`digest:` of the settings: good news is not a page, but somebody reads it at a set time."""

from __future__ import annotations

from pydantic import Field

from breakglass.domain.schedule import EVERY_DAY, Schedule
from breakglass.policy.scalars import Name, Strict
from breakglass.policy.schedules import Clock, Every, Timezone  # noqa: TC001 (pydantic reads the annotation)


class DigestSettings(Strict):
    """`digest:`."""

    to: Name = Field(description="A channel of the settings.")
    every: Every = Field(default=EVERY_DAY, description="A weekday, or `day`.")
    at: Clock = Field(description="A time of day, in quotes.")
    timezone: Timezone = Field(default="UTC", description="Name of the IANA time zone of `at`.")

    @property
    def schedule(self) -> Schedule:
        """When it is due."""
        return Schedule(self.every, self.at, self.timezone)
