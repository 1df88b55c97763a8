# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold, the limits that need memory, and the claims of hosts, all decided in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import State
from breakglass.domain.messages import Blocked, GaveWay, Held, OverLimit, Reserved
from breakglass.domain.rules import Mode
from breakglass.store import host_claims
from breakglass.store.database import NOW, milliseconds
from breakglass.store.holds import held, hold_trigger
from breakglass.store.tables import INCIDENT, REPAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reservations:
    """Decides, in one transaction, whether an incident may work on its hosts now.

    Attributes:
        database: Where claims and repairs are kept.
        concurrent_plays: Places for plays on this runner.
        groups: Inventory name to its groups, as the inventory is now.
    """

    database: Database
    concurrent_plays: int
    groups: Callable[[], Mapping[str, frozenset[str]]] = dict

    def reserve(self, incident: Incident) -> Reserved | Held | Blocked | OverLimit | GaveWay:
        """Check the hold, cooldown, repairs per day, hosts at once and the places for plays, and claim all hosts or none.

        Hosts that the incident holds already stay its own. In `observe` mode everything is checked and nothing kept.
        What is real ends a drill that is in its way; a drill leaves a host to what is real.
        """
        with self.database.transaction() as connection:
            first = len(incident.repairs) == 0
            refusal = (
                held(connection, incident)
                or (_storm(connection, incident) if first else None)
                or (past_refusal(connection, incident) if first else None)
                or self._present_refusal(connection, incident)
            )
            if refusal is not None:
                return refusal
            if incident.course.mode is Mode.ACT:
                host_claims.claim(connection, incident)
            return Reserved(_checks(incident))

    def _present_refusal(self, connection: sa.Connection, incident: Incident) -> Blocked | OverLimit | GaveWay | None:
        at_work = sa.and_(INCIDENT.c.state.in_(host_claims.WORKING), INCIDENT.c.state != State.CLOSED)
        working = sa.select(sa.func.count()).select_from(INCIDENT).where(at_work)
        others = working.where(INCIDENT.c.id.not_in([incident.id, incident.course.extends]))
        if self.database.several_runners:
            mine = self.database.runner
            others = others.where(sa.func.coalesce(INCIDENT.c.owner, mine) == mine)
        if not incident.course.drill:
            others = others.where(~host_claims.is_drill(INCIDENT.c.id))  # they are never in the way
        if connection.execute(others).scalar_one() >= self.concurrent_plays:
            return Blocked(f"all {self.concurrent_plays} places for plays are taken", host_claims.SOON)
        return host_claims.refusal(connection, incident, self.groups)


def _storm(connection: sa.Connection, incident: Incident) -> OverLimit | None:
    """Too many incidents of one trigger in a short time: the trigger is held in this transaction, and one incident tells it.

    The others find the hold, and wait for it to be lifted without waking anybody.
    """
    course, storm = incident.course, incident.course.limits.storm
    if storm is None or course.mode is Mode.OBSERVE or course.drill or course.lends:
        return None
    if incident.retries:  # it has waited already, as for a storm's hold that a person has lifted: that was the answer
        return None
    since = milliseconds(incident.opened_at) - _ms(storm.within)  # it may have waited for `firing_for` since
    opened = sa.and_(
        INCIDENT.c.trigger == course.trigger, INCIDENT.c.opened_at > since, ~host_claims.is_drill(INCIDENT.c.id)
    )
    count = connection.execute(sa.select(sa.func.count()).select_from(INCIDENT).where(opened)).scalar_one()
    if count <= storm.incidents:
        return None
    why = (
        f"{count} incidents of {course.trigger} within {storm.within.total_seconds():.0f} s (storm: {storm.incidents}): something "
        "bigger is wrong"
    )
    hold_trigger(connection, incident, why)
    lift = f"breakglass hold lift --trigger {course.trigger} --reason …"
    return OverLimit(f"{why}. Nothing of this trigger starts until the hold is lifted ({lift}); the others wait")


def past_refusal(connection: sa.Connection, incident: Incident) -> Blocked | OverLimit | None:
    """Why what its trigger has repaired keeps an incident from starting now, or the size of its plan; nothing is changed."""
    limits = incident.course.limits
    if len(incident.course.hosts) > limits.hosts_at_once:
        return OverLimit(
            f"the plan has {len(incident.course.hosts)} hosts, but hosts_at_once is {limits.hosts_at_once}: raise the "
            "limit of the trigger, or let it name fewer hosts"
        )
    others = sa.and_(
        REPAIR.c.trigger == incident.course.trigger,
        REPAIR.c.host.in_(incident.course.hosts),
        REPAIR.c.incident != incident.id,
    )
    today = sa.select(REPAIR.c.host, sa.func.count().label("times")).where(others, REPAIR.c.at > NOW - _ms(A_DAY))
    for host, times in connection.execute(today.group_by(REPAIR.c.host)):
        if times >= limits.repairs_per_day:
            return OverLimit(
                f"{host} was repaired {times} times within a day (repairs_per_day is {limits.repairs_per_day}): "
                "something deeper is wrong"
            )
    return _cooling(connection, limits.cooldown, others)


def _cooling(connection: sa.Connection, cooldown: timedelta, others: sa.ColumnElement[bool]) -> Blocked | None:
    """The first host whose last repair is open yet, or closed too short a time ago."""
    ended = sa.func.max(sa.func.coalesce(INCIDENT.c.closed_at, REPAIR.c.at))
    still_open = sa.func.max(sa.case((INCIDENT.c.closed_at.is_(None), REPAIR.c.incident), else_=""))
    last = sa.select(REPAIR.c.host, (ended + _ms(cooldown) - NOW).label("left"), still_open.label("open"))
    cooling = last.join(INCIDENT, INCIDENT.c.id == REPAIR.c.incident).where(others).group_by(REPAIR.c.host)
    for host, left, incident in connection.execute(cooling):
        if left > 0:
            why = (
                f"{host} is in {incident} of this trigger, which is open; the cooldown of {host} begins when it closes"
            )
            return Blocked(
                why if incident else f"cooldown of {host} after its last repair", timedelta(milliseconds=left)
            )
    return None


def _checks(incident: Incident) -> tuple[str, ...]:
    limits = incident.course.limits
    storm = limits.storm
    more = (
        f"group_share {limits.group_share}%" if limits.group_share else "",
        f"storm {storm.incidents} in {storm.within.total_seconds():.0f} s" if storm else "",
    )
    return (
        f"firing_for {limits.firing_for.total_seconds():.0f} s",
        f"cooldown {limits.cooldown.total_seconds():.0f} s",
        f"repairs_per_day {limits.repairs_per_day}",
        f"hosts_at_once {limits.hosts_at_once}",
        *filter(None, more),
    )


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
