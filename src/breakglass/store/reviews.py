# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews of overrides: which are due, which are overdue, and what somebody said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store import journal_queue
from breakglass.store.database import moment
from breakglass.store.database import now as database_now
from breakglass.store.documents import incident_from
from breakglass.store.tables import INCIDENT, REVIEW

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.domain.draft import Note
    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database


@dataclass(frozen=True)
class Review:
    """One that nobody has given yet.

    Attributes:
        incident: The override.
        due_at: Until when it is to be judged.
        overdue: Whether that is over.
        told: Whether those who were skipped have been told.
    """

    incident: Incident
    due_at: datetime
    overdue: bool
    told: bool


@dataclass(frozen=True)
class Reviews:
    """The reviews of one database."""

    database: Database

    def due(self) -> list[Review]:
        """Every one that nobody has given, the most urgent first."""
        query = (
            sa.select(REVIEW.c.due_at, REVIEW.c.told, INCIDENT.c.document)
            .join(INCIDENT, INCIDENT.c.id == REVIEW.c.incident)
            .where(REVIEW.c.verdict == "")
            .order_by(REVIEW.c.due_at)
        )
        with self.database.reading() as connection:
            now = database_now(connection)
            rows = connection.execute(query).all()
        return [
            Review(incident_from(row.document), moment(row.due_at), moment(row.due_at) <= now, row.told) for row in rows
        ]

    def settled(self) -> list[str]:
        """Those that were given, and whose alerts are not said to be over yet."""
        alerted = sa.or_(REVIEW.c.told == sa.true(), REVIEW.c.called == sa.true())
        query = sa.select(REVIEW.c.incident).where(REVIEW.c.verdict != "", alerted)
        with self.database.reading() as connection:
            return list(connection.execute(query).scalars())

    def mark(self, incident: str, *, told: bool | None = None, called: bool | None = None) -> None:
        """Write down whether those who were skipped were told, or people were called because it is overdue."""
        known = {name: value for name, value in (("told", told), ("called", called)) if value is not None}
        with self.database.transaction() as connection:
            connection.execute(sa.update(REVIEW).where(REVIEW.c.incident == incident).values(**known))

    def give(self, incident: str, verdict: str, note: Note) -> bool:
        """Judge one, with its record; False when nobody has to, or somebody has already. Durable on return."""
        with self.database.transaction() as connection:
            open_one = sa.update(REVIEW).where(REVIEW.c.incident == incident, REVIEW.c.verdict == "")
            if connection.execute(open_one.values(verdict=verdict)).rowcount == 0:
                return False
            journal_queue.add(connection, journal_queue.day_stream(connection), (note,))
            return True
