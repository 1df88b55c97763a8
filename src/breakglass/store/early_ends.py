# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that outlive their grants: of incidents that are open, or were closed a short while ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from breakglass.domain.early_ends import ended_early
from breakglass.domain.incident import State
from breakglass.store.database import milliseconds
from breakglass.store.database import now as database_now
from breakglass.store.documents import incident_from
from breakglass.store.tables import INCIDENT, STREAM

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.store.database import Database

LONGEST_LIFE: Final = timedelta(days=7)
"""A certificate of a longer time box leaves the list this long after its incident has closed."""
_RECORDS: Final = ".jsonl"


@dataclass(frozen=True)
class EarlyEnds:
    """Those of one database."""

    database: Database

    def key_ids(self) -> tuple[datetime, list[str]]:
        """Now, by the database's clock, and the key ids. Raises DatabaseUnavailable, UnreadableDocument."""
        with self.database.reading() as connection:
            now = database_now(connection)
            recent = sa.or_(INCIDENT.c.state != State.CLOSED, INCIDENT.c.closed_at >= milliseconds(now - LONGEST_LIFE))
            query = (
                sa.select(INCIDENT.c.id, INCIDENT.c.document, STREAM.c.path)
                .join(STREAM, STREAM.c.incident == INCIDENT.c.id)
                .where(recent)
                .order_by(INCIDENT.c.id)
            )
            rows = connection.execute(query).all()
        found: list[str] = []
        for _, of_one in groupby(rows, key=lambda row: row.id):
            told = list(of_one)
            streams = (row.path.removesuffix(_RECORDS) for row in told)
            found += ended_early(incident_from(told[0].document), streams, now)
        return now, found
