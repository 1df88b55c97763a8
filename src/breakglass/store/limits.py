# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold, the limits that need memory, and the host claims: one transaction, all hosts of a plan or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import Incident, State
from breakglass.domain.messages import Blocked, GaveWay, Held, OverLimit, Reserved
from breakglass.domain.rules import Mode
from breakglass.store import orders
from breakglass.store.database import NOW, milliseconds
from breakglass.store.holds import held, hold_trigger
from breakglass.store.tables import DRILL, HOST_CLAIM, INCIDENT, REPAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from breakglass.store.database import Database

A_DAY = timedelta(days=1)
SOON = timedelta(seconds=2)
WORKING = (State.APPROVING, State.OPENING, State.RUNNING, State.CLOSING)


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
            first = len(incident.attempts) == 0
            refusal = (
                held(connection, incident)
                or (_storm(connection, incident) if first else None)
                or (_past_refusal(connection, incident) if first else None)
                or self._present_refusal(connection, incident)
            )
            if refusal is not None:
                return refusal
            if incident.course.mode is Mode.ACT:
                _claim(connection, incident)
            return Reserved(_checks(incident))

    def _present_refusal(self, connection: sa.Connection, incident: Incident) -> Blocked | OverLimit | GaveWay | None:
        working = sa.select(sa.func.count()).select_from(INCIDENT).where(INCIDENT.c.state.in_(WORKING))
        others = working.where(INCIDENT.c.id != incident.id)
        if self.database.several_runners:
            mine = self.database.runner
            others = others.where(sa.func.coalesce(INCIDENT.c.owner, mine) == mine)
        if not incident.course.drill:
            others = others.where(~_is_drill(INCIDENT.c.id))  # they are never in the way
        if connection.execute(others).scalar_one() >= self.concurrent_plays:
            return Blocked(f"all {self.concurrent_plays} places for plays are taken", SOON)
        return (
            _host_taken(connection, incident)
            or _too_many_hosts(connection, incident)
            or _too_much_of_a_group(connection, incident, self.groups)
        )


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
    opened = sa.and_(INCIDENT.c.trigger == course.trigger, INCIDENT.c.opened_at > since, ~_is_drill(INCIDENT.c.id))
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


def _too_much_of_a_group(
    connection: sa.Connection, incident: Incident, groups: Callable[[], Mapping[str, frozenset[str]]]
) -> Blocked | OverLimit | None:
    """At most a share of each group of the access is under repair at once, over all triggers; one host always may be."""
    share = incident.course.limits.group_share
    if share is None or incident.course.drill:
        return None
    known = groups()
    for group in incident.course.groups:
        members = {host for host, its in known.items() if group in its}
        mine = members & set(incident.course.hosts)
        most = max(1, len(members) * share // 100)
        if len(mine) > most:
            return OverLimit(f"the plan has {len(mine)} hosts of {group}, but group_share {share}% allows {most}")
        others = members & _claimed_by_others(connection, incident)
        if mine and len(others | mine) > most:
            shown = ", ".join(sorted(others)[:5])
            why = f"{len(others)} of {len(members)} hosts of {group} are under repair ({shown}); group_share {share}% allows {most}"
            return Blocked(why, SOON)
    return None


def _claimed_by_others(connection: sa.Connection, incident: Incident) -> set[str]:
    others = sa.select(HOST_CLAIM.c.host).where(HOST_CLAIM.c.incident != incident.id)
    return set(connection.execute(others).scalars())


def _past_refusal(connection: sa.Connection, incident: Incident) -> Blocked | OverLimit | None:
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
    ended = sa.func.max(sa.func.coalesce(INCIDENT.c.closed_at, REPAIR.c.at))
    last = sa.select(REPAIR.c.host, (ended + _ms(limits.cooldown) - NOW).label("left"))
    cooling = last.join(INCIDENT, INCIDENT.c.id == REPAIR.c.incident).where(others).group_by(REPAIR.c.host)
    for host, left in connection.execute(cooling):
        if left > 0:
            return Blocked(f"cooldown of {host} after its last repair", timedelta(milliseconds=left))
    return None


def _host_taken(connection: sa.Connection, incident: Incident) -> Blocked | GaveWay | None:
    taken = sa.select(
        HOST_CLAIM.c.host, HOST_CLAIM.c.incident, INCIDENT.c.state, _is_drill(INCIDENT.c.id).label("drill")
    )
    taken = taken.join(INCIDENT, INCIDENT.c.id == HOST_CLAIM.c.incident).where(
        HOST_CLAIM.c.host.in_(incident.course.hosts), HOST_CLAIM.c.incident != incident.id
    )
    rows = connection.execute(taken).all()
    if real := next((row for row in rows if not row.drill), None):
        why = f"{real.host} is under repair ({real.incident})"
        return GaveWay(why) if incident.course.drill else Blocked(why, SOON)
    if not rows or incident.course.mode is Mode.OBSERVE:  # who only observes needs no host
        return None
    if incident.course.drill:
        return Blocked(f"{rows[0].host} is in another drill ({rows[0].incident})", SOON)
    return _end_drills(connection, incident, rows)


def _end_drills(
    connection: sa.Connection, incident: Incident, claims: Sequence[sa.Row[tuple[str, str, str, bool]]]
) -> Blocked | None:
    """Take the hosts of drills that have nothing open there any more, and have the others end."""
    at_work = [claim for claim in claims if claim.state in WORKING]
    for claim in claims:
        if claim not in at_work:
            connection.execute(sa.delete(HOST_CLAIM).where(HOST_CLAIM.c.host == claim.host))
    for claim in at_work:
        orders.cancel(connection, claim.incident, incident.id, f"a real alert needs {claim.host}")
    if not at_work:
        return None
    return Blocked(f"the drill on {at_work[0].host} is being ended ({at_work[0].incident})", SOON)


def _is_drill(incident: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(DRILL.c.incident == incident)


def _too_many_hosts(connection: sa.Connection, incident: Incident) -> Blocked | None:
    under_repair = sa.select(sa.func.count()).select_from(HOST_CLAIM)
    mine = HOST_CLAIM.c.trigger == incident.course.trigger
    count = connection.execute(under_repair.where(mine, HOST_CLAIM.c.incident != incident.id)).scalar_one()
    most = incident.course.limits.hosts_at_once
    if count + len(incident.course.hosts) > most:
        return Blocked(f"{count} hosts are under repair by {incident.course.trigger} (hosts_at_once is {most})", SOON)
    return None


def _claim(connection: sa.Connection, incident: Incident) -> None:
    # The place for its play is taken here too, or several incidents could pass before the first one is committed.
    connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == incident.id).values(state=State.APPROVING))
    for host in incident.course.hosts:
        row = {"incident": incident.id, "host": host, "trigger": incident.course.trigger}
        if incident.course.drill:
            row["trigger"] = f"drill {incident.course.drill}"  # the trigger's own memory knows nothing of its drills
        taken = sa.exists().where(HOST_CLAIM.c.host == host)
        tried = sa.exists().where(REPAIR.c.incident == incident.id, REPAIR.c.host == host)
        if not connection.execute(sa.select(taken)).scalar():
            connection.execute(sa.insert(HOST_CLAIM).values(taken_at=NOW, **row))
        if not connection.execute(sa.select(tried)).scalar():
            connection.execute(sa.insert(REPAIR).values(at=NOW, **row))


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
