# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents page by page, the newest first: each page goes on where the last one ended, whatever has come meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import State
from breakglass.store.documents import incident_from
from breakglass.store.tables import INCIDENT

if TYPE_CHECKING:
    from collections.abc import Collection

    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database

OPEN = frozenset(State) - {State.CLOSED}


@dataclass(frozen=True)
class Position:
    """Where an incident stands in the list: its opening (milliseconds since 1970 by the database's clock) and its id."""

    opened_at: int
    incident: str


@dataclass(frozen=True)
class Listing:
    """The list of one database."""

    database: Database

    def newest(
        self, most: int, states: Collection[State] = OPEN, after: Position | None = None
    ) -> list[tuple[Position, Incident]]:
        """At most so many in these states that stand after a position. Raises DatabaseUnavailable, UnreadableDocument."""
        query = sa.select(INCIDENT.c.opened_at, INCIDENT.c.id, INCIDENT.c.document).where(INCIDENT.c.state.in_(states))
        if after is not None:
            same = sa.and_(INCIDENT.c.opened_at == after.opened_at, INCIDENT.c.id < after.incident)
            query = query.where(sa.or_(INCIDENT.c.opened_at < after.opened_at, same))
        query = query.order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.id.desc()).limit(most)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return [(Position(row.opened_at, row.id), incident_from(row.document)) for row in rows]
