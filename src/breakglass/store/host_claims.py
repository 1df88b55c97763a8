# SPDX-License-Identifier: GPL-3.0-or-later
"""The claims of hosts: who has which host, how many at once, and who gives way; all hosts of a plan or none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import Incident, State
from breakglass.domain.messages import Blocked, GaveWay, OverLimit
from breakglass.domain.rules import Mode
from breakglass.store import orders
from breakglass.store.database import NOW
from breakglass.store.tables import DRILL, HOST_CLAIM, INCIDENT, REPAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SOON = timedelta(seconds=2)
WITH_GRANT = (State.OPENING, State.RUNNING, State.CLOSING)
WORKING = (State.APPROVING, *WITH_GRANT)


def refusal(
    connection: sa.Connection, incident: Incident, groups: Callable[[], Mapping[str, frozenset[str]]]
) -> Blocked | OverLimit | GaveWay | None:
    """Why the incident may not have all of its hosts now; it has drills that are in its way ended."""
    return (
        _extended_twice(connection, incident)
        or _host_taken(connection, incident)
        or _too_many_hosts(connection, incident)
        or _too_much_of_a_group(connection, incident, groups)
    )


def claim(connection: sa.Connection, incident: Incident) -> None:
    """Take all of its hosts and the place for its play, and remember that the trigger repaired them."""
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


def let_go(connection: sa.Connection, incident: str) -> None:
    """Give its hosts back; to what extends it, if that is being opened or open: the host is never free in between.

    What would extend it and is still waited for ends: there is nothing to extend any more.
    """
    heirs = sa.select(INCIDENT.c.id, INCIDENT.c.state).where(
        INCIDENT.c.extends == incident, INCIDENT.c.state != State.CLOSED
    )
    mine, heir = HOST_CLAIM.c.incident == incident, ""
    for row in connection.execute(heirs).all():
        if row.state in WITH_GRANT:
            heir = row.id
        else:
            orders.cancel(connection, row.id, incident, f"{incident} is over, so there is nothing to extend")
    if heir:
        connection.execute(sa.update(HOST_CLAIM).where(mine).values(incident=heir))
    else:
        connection.execute(sa.delete(HOST_CLAIM).where(mine))


def is_drill(incident: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether the incident of this column is a drill."""
    return sa.exists().where(DRILL.c.incident == incident)


def _extended_twice(connection: sa.Connection, incident: Incident) -> OverLimit | None:
    """Nothing is extended by two at once: the hosts go over to one, and so do the sessions."""
    if not incident.course.extends:
        return None
    other = sa.select(INCIDENT.c.id).where(
        INCIDENT.c.extends == incident.course.extends, INCIDENT.c.id != incident.id, INCIDENT.c.state.in_(WORKING)
    )
    found = connection.execute(other.limit(1)).scalar()
    return OverLimit(f"{found} extends {incident.course.extends} already") if found else None


def _host_taken(connection: sa.Connection, incident: Incident) -> Blocked | GaveWay | None:
    taken = sa.select(
        HOST_CLAIM.c.host, HOST_CLAIM.c.incident, INCIDENT.c.state, is_drill(INCIDENT.c.id).label("drill")
    )
    taken = taken.join(INCIDENT, INCIDENT.c.id == HOST_CLAIM.c.incident).where(
        HOST_CLAIM.c.host.in_(incident.course.hosts),
        HOST_CLAIM.c.incident.not_in([incident.id, incident.course.extends]),
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
    at_work = [row for row in claims if row.state in WORKING]
    for row in claims:
        if row not in at_work:
            connection.execute(sa.delete(HOST_CLAIM).where(HOST_CLAIM.c.host == row.host))
    for row in at_work:
        orders.cancel(connection, row.incident, incident.id, f"a real alert needs {row.host}")
    if not at_work:
        return None
    return Blocked(f"the drill on {at_work[0].host} is being ended ({at_work[0].incident})", SOON)


def _too_many_hosts(connection: sa.Connection, incident: Incident) -> Blocked | None:
    under_repair = sa.select(sa.func.count()).select_from(HOST_CLAIM)
    mine = HOST_CLAIM.c.trigger == incident.course.trigger
    count = connection.execute(under_repair.where(mine, HOST_CLAIM.c.incident != incident.id)).scalar_one()
    most = incident.course.limits.hosts_at_once
    if count + len(incident.course.hosts) > most:
        return Blocked(f"{count} hosts are under repair by {incident.course.trigger} (hosts_at_once is {most})", SOON)
    return None


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
