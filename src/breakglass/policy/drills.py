# SPDX-License-Identifier: GPL-3.0-or-later
"""`drills:`: rehearsals of triggers, by people and by the clock."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from breakglass.domain.rules import Drill
from breakglass.domain.schedule import Schedule

from .cases import Texts, label
from .scalars import Flag, Group, MaybeEmptyMapping, Name, Strict, sentence
from .schedules import MaybeClock, MaybeEvery, MaybeTimezone  # noqa: TC001 (pydantic reads the annotation)


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
    every: MaybeEvery = Field(default=None, description="A weekday, or `day`.")
    at: MaybeClock = Field(default=None, description="A time of day, in quotes.")
    timezone: MaybeTimezone = Field(default=None, description="Name of the IANA time zone of `at`.")
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


def drill_of(entry: DrillEntry, line: str) -> Drill:
    """The drill that an entry means."""
    schedule = None
    if entry.every and entry.at and entry.timezone:  # all of them, or none
        schedule = Schedule(entry.every, entry.at, entry.timezone)
    return Drill(
        name=entry.name,
        line=line,
        trigger=entry.trigger,
        hosts=tuple(sorted(set(entry.hosts))),
        check=entry.check,
        schedule=schedule,
        labels=MappingProxyType(dict(entry.labels)),
        host_label=entry.host_label,
    )


def drill_meaning(drill: Drill) -> dict[str, object]:
    """What of it belongs to the policy's digest."""
    return {
        "name": drill.name,
        "trigger": drill.trigger,
        "hosts": list(drill.hosts),
        "check": drill.check,
        "schedule": str(drill.schedule) if drill.schedule else None,
        "labels": dict(drill.labels),
        "host_label": drill.host_label,
    }
