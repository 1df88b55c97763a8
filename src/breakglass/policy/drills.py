# SPDX-License-Identifier: GPL-3.0-or-later
"""`drills:`: rehearsals of triggers, by people and by the clock."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from breakglass.domain.schedule import EVERY_DAY, WEEKDAYS

from .cases import Texts, label
from .scalars import Flag, Group, MaybeEmptyMapping, Name, Strict, choice, did_you_mean, sentence

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_EVERY = (EVERY_DAY, *WEEKDAYS)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _clock(value: object) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise sentence('Write a time of day in quotes, as "09:30".')
    return time(int(found[1]), int(found[2]))


def _timezone(value: object) -> object:
    if not isinstance(value, str):
        raise sentence("Write the name of a time zone, as Europe/Berlin or UTC.")
    if value not in _timezones():
        near = did_you_mean(value, _timezones())
        raise sentence(
            f"{value[:80]!r} is not a time zone that this machine knows.{near if near.endswith('?') else ''}"
        )
    return value


Every = Annotated[str | None, BeforeValidator(choice(_EVERY)), WithJsonSchema({"enum": list(_EVERY)})]
Clock = Annotated[
    time | None, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"})
]
Timezone = Annotated[str | None, BeforeValidator(_timezone), WithJsonSchema({"type": "string"})]


class DrillEntry(Strict):
    """One item of `drills:`."""

    name: Name = Field(description="Give the drill a name of its own.")
    trigger: Name = Field(description="Name the trigger that is rehearsed.")
    hosts: Annotated[
        list[Group], Field(min_length=1, description="Inventory groups; each drill is on one host, by turns.")
    ]
    check: Flag = Field(
        default=False, description="true: the play runs in check mode, so that nothing changes on the host."
    )
    every: Every = Field(default=None, description="A weekday, or `day`.")
    at: Clock = Field(default=None, description="A time of day, in quotes.")
    timezone: Timezone = Field(default=None, description="Name of the IANA time zone of `at`.")
    labels: Annotated[Texts, MaybeEmptyMapping] = Field(
        default_factory=dict, description="Labels of the synthetic alert besides those of the trigger's `match`."
    )
    host_label: Annotated[str, AfterValidator(label)] = Field(
        default="instance", description="The label that names the host."
    )

    @model_validator(mode="after")
    def _whole_schedule(self) -> DrillEntry:
        given = [self.every is not None, self.at is not None, self.timezone is not None]
        if any(given) and not all(given):
            raise sentence("every, at and timezone belong together; without them only people start this drill.")
        if self.host_label in self.labels:
            raise sentence(f"The label {self.host_label} names the host of each drill: leave it out of labels.")
        return self


DrillEntries = Annotated[list[DrillEntry], Field(description="Rehearsals of triggers.")]
