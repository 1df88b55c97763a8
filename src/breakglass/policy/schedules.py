# SPDX-License-Identifier: GPL-3.0-or-later
"""When something happens again and again: how a text becomes a day, a time of day, a time zone; with sentences."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BeforeValidator, WithJsonSchema

from breakglass.domain.schedule import EVERY_DAY, WEEKDAYS

from .scalars import choice, did_you_mean, sentence

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


_EVERY_CHECK, _EVERY_SCHEMA = BeforeValidator(choice(_EVERY)), WithJsonSchema({"enum": list(_EVERY)})
_CLOCK_CHECK, _CLOCK_SCHEMA = (
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"}),
)
_ZONE_CHECK, _ZONE_SCHEMA = BeforeValidator(_timezone), WithJsonSchema({"type": "string"})

Every = Annotated[str, _EVERY_CHECK, _EVERY_SCHEMA]
MaybeEvery = Annotated[str | None, _EVERY_CHECK, _EVERY_SCHEMA]
Clock = Annotated[time, _CLOCK_CHECK, _CLOCK_SCHEMA]
MaybeClock = Annotated[time | None, _CLOCK_CHECK, _CLOCK_SCHEMA]
Timezone = Annotated[str, _ZONE_CHECK, _ZONE_SCHEMA]
MaybeTimezone = Annotated[str | None, _ZONE_CHECK, _ZONE_SCHEMA]
