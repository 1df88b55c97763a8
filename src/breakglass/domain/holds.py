# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds: what they stop, whom they let pass, and how people are told of them. Pure.

A person's hold stops everything new that it covers. A hold that an incident set, on its own hosts or in a storm on its own
trigger, stops everybody else: the incident's own further attempts pass it, and so does, on hosts, a remediation that says that
it ends such holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from breakglass.domain.incident import PlayOutcome
from breakglass.domain.rules import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from breakglass.domain.course import Course
    from breakglass.domain.incident import Incident

LONGEST_REASON = 500


class Scope(StrEnum):
    """What a hold stops."""

    ALL = "all"
    TRIGGER = "trigger"
    HOST = "host"


@dataclass(frozen=True)
class Hold:
    """Nothing new starts within its scope until it is lifted.

    Attributes:
        scope: See Scope.
        name: The trigger's (or request's) or the host's; empty for everything.
        reason: Why, a sentence.
        person: Who set it; empty when an incident did.
        incident: Which incident set it; empty when a person did.
        since: By the database's clock.
    """

    scope: Scope
    name: str
    reason: str
    person: str
    incident: str
    since: datetime

    @property
    def by(self) -> str:
        """Who set it."""
        return self.incident or self.person

    @property
    def what(self) -> str:
        """What it stops, in words."""
        if self.scope is Scope.ALL:
            return "everything"
        return f"the trigger {self.name}" if self.scope is Scope.TRIGGER else self.name

    @property
    def lifted_by(self) -> str:
        """The command that lifts it."""
        named = {Scope.ALL: "--all", Scope.TRIGGER: f"--trigger {self.name}", Scope.HOST: f"--host {self.name}"}
        return f"breakglass hold lift {named[self.scope]} --reason …"

    def __str__(self) -> str:
        """The hold, how to lift it, and its reason; the reason comes last, since what is long gets cut."""
        since = f"{self.since:%Y-%m-%d %H:%M} UTC"
        return f"{self.what} is held by {self.by} since {since} (lift it with: {self.lifted_by}): {self.reason}"


@dataclass(frozen=True)
class HoldChange:
    """What an incident does to the holds on its hosts when its play has ended: it sets one, or ends those of incidents."""

    sets: bool
    reason: str


def in_the_way(incident: Incident, holds: Iterable[Hold]) -> Hold | None:
    """Give the hold that keeps an incident from starting: the widest, and a person's before an incident's."""
    order = list(Scope)
    found = [hold for hold in holds if _covers(hold, incident) and not _lets_pass(hold, incident)]
    return min(found, key=lambda hold: (bool(hold.incident), order.index(hold.scope), hold.since), default=None)


def waits_quietly(incident: Incident, hold: Hold) -> bool:
    """Whether an incident waits for the hold to end instead of calling people: they know already why the host is held.

    Isolating a host makes alerts, and each of them would wake somebody.
    """
    return (
        bool(hold.incident)
        and incident.course.mode is Mode.ACT
        and not incident.course.lends
        and not incident.course.drill
    )


def change_after(course: Course, outcome: PlayOutcome) -> HoldChange | None:
    """What a play that ended does to the holds on its hosts.

    A remediation that holds its hosts may have done its work also when nobody saw its end; one that failed has undone it.
    """
    if course.plan is None or course.plan.check_mode:
        return None
    role = course.plan.remediation.rpartition(".")[2]
    if course.holds_host and outcome is PlayOutcome.OK:
        return HoldChange(sets=True, reason=f"{role} ran there (trigger {course.trigger})")
    if course.holds_host and outcome not in (PlayOutcome.FAILED, PlayOutcome.NOT_STARTED):
        return HoldChange(sets=True, reason=f"{role} may have run there, nobody saw its end (trigger {course.trigger})")
    if course.releases_host and outcome is PlayOutcome.OK:
        return HoldChange(sets=False, reason=f"{role} ran there (trigger {course.trigger})")
    return None


def _covers(hold: Hold, incident: Incident) -> bool:
    if hold.scope is Scope.HOST:
        return hold.name in incident.course.hosts
    return hold.scope is Scope.ALL or hold.name == incident.course.trigger


def _lets_pass(hold: Hold, incident: Incident) -> bool:
    ends_it = incident.course.releases_host and hold.scope is Scope.HOST
    return bool(hold.incident) and (ends_it or hold.incident == incident.id)
