# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be in an incident's way at this moment, by the rules that count when it wants to start. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.holds import in_the_way, waits_quietly
from breakglass.domain.messages import Blocked, GaveWay, Held, OverLimit
from breakglass.domain.rules import Mode
from breakglass.store import host_claims
from breakglass.store.database import NOW, moment, newest_revision, revision_of
from breakglass.store.holds import standing_in
from breakglass.store.limits import A_DAY, past_refusal
from breakglass.store.looking import reading
from breakglass.store.tables import INCIDENT, REPAIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from breakglass.domain.incident import Incident

Obstacle = Held | Blocked | OverLimit | GaveWay


@dataclass(frozen=True)
class Repairs:
    """What a trigger has repaired on one host.

    Attributes:
        host: By its inventory name.
        within_a_day: How often.
        last_over: When the incident of the last one was closed, or began when it is open; None when there was none.
    """

    host: str
    within_a_day: int = 0
    last_over: datetime | None = None


@dataclass(frozen=True)
class Foreseen:
    """What the database says now.

    Attributes:
        repairs: Of each host of the plan, by its order.
        obstacle: What an incident that starts now would be told first; None when nothing is in its way.
    """

    repairs: tuple[Repairs, ...]
    obstacle: Obstacle | None


def foresee(
    url: str, password_file: Path | None, incident: Incident, groups: Mapping[str, frozenset[str]]
) -> Foreseen | None:
    """Look up what would be in the way of an incident that is not there; None when the schema is not that of this version.

    Storms and the places for plays are not foreseen: they depend on what else comes.

    Raises:
        DatabaseUnavailable: It can't be read, or is no database.
    """
    with reading(url, password_file) as connection:
        if revision_of(connection) != newest_revision():
            return None
        return Foreseen(_repairs(connection, incident), _obstacle(connection, incident, groups))


def _obstacle(connection: sa.Connection, incident: Incident, groups: Mapping[str, frozenset[str]]) -> Obstacle | None:
    if hold := in_the_way(incident, standing_in(connection)):
        return Held(str(hold)) if waits_quietly(incident, hold) else OverLimit(str(hold))
    only_looks = replace(incident, course=replace(incident.course, mode=Mode.OBSERVE))  # so no drill is ended for it
    return past_refusal(connection, incident) or host_claims.refusal(connection, only_looks, lambda: groups)


def _repairs(connection: sa.Connection, incident: Incident) -> tuple[Repairs, ...]:
    hosts = incident.course.hosts
    lately = sa.func.sum(sa.case((REPAIR.c.at > NOW - round(A_DAY.total_seconds() * 1000), 1), else_=0))
    last = sa.func.max(sa.func.coalesce(INCIDENT.c.closed_at, REPAIR.c.at))
    query = sa.select(REPAIR.c.host, lately.label("lately"), last.label("last"))
    mine = sa.and_(REPAIR.c.trigger == incident.course.trigger, REPAIR.c.host.in_(hosts))
    rows = connection.execute(
        query.join(INCIDENT, INCIDENT.c.id == REPAIR.c.incident).where(mine).group_by(REPAIR.c.host)
    )
    found = {row.host: Repairs(row.host, int(row.lately), moment(row.last)) for row in rows}
    return tuple(found.get(host, Repairs(host)) for host in hosts)
