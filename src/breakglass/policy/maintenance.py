# SPDX-License-Identifier: GPL-3.0-or-later
"""`maintenance:`: when people work on hosts, so that triggers only observe there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from breakglass.domain.maintenance import Window
from breakglass.domain.schedule import Schedule

from .scalars import Duration, Group, Name, Strict, sentence
from .schedules import Clock, Every, Timezone  # noqa: TC001 (pydantic reads the annotation)


def _mode(value: object) -> object:
    if value == "act":
        raise sentence("A maintenance window can't make a trigger act: it only takes away. Write `mode: observe`.")
    if value != "observe":
        raise sentence("Write `mode: observe`.")
    return value


class MaintenanceEntry(Strict):
    """One item of `maintenance:`."""

    name: Name = Field(description="Give the window a name of its own.")
    hosts: Annotated[list[Group], Field(min_length=1, description="Inventory groups that are worked on.")]
    every: Every = Field(description="A weekday, or `day`.")
    at: Clock = Field(description="A time of day, in quotes: when the window opens.")
    lasts: Duration = Field(description="How long it is open: less than a day with `every: day`, else than a week.")
    timezone: Timezone = Field(description="Name of the IANA time zone of `at`.")
    mode: Annotated[Literal["observe"], BeforeValidator(_mode), WithJsonSchema({"const": "observe"})] = Field(
        default="observe", description="What triggers do meanwhile."
    )


MaintenanceEntries = Annotated[
    list[MaintenanceEntry], Field(description="When triggers only observe hosts that people work on.")
]


def window_of(entry: MaintenanceEntry, line: str) -> Window:
    """The window that an entry means."""
    schedule = Schedule(entry.every, entry.at, entry.timezone)
    return Window(entry.name, line, tuple(sorted(set(entry.hosts))), schedule, entry.lasts)


def window_meaning(window: Window) -> dict[str, object]:
    """What of it belongs to the policy's digest."""
    return {
        "name": window.name,
        "hosts": list(window.hosts),
        "schedule": str(window.schedule),
        "lasts": int(window.lasts.total_seconds()),
    }
