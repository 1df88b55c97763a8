# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest: how it stands, and what there is to tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain import digest
from breakglass.domain.digest import Standing
from breakglass.domain.incident import State
from breakglass.store import journal_queue
from breakglass.store.database import milliseconds, moment
from breakglass.store.database import now as database_now
from breakglass.store.documents import UnreadableDocument, incident_from
from breakglass.store.tables import DIGEST, INCIDENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from breakglass.domain.draft import Note
    from breakglass.domain.incident import Incident
    from breakglass.domain.schedule import Schedule
    from breakglass.store.database import Database

NAME = "digest"
MOST = 2000
"""Incidents that are read for one digest; of more, the number is told."""


@dataclass(frozen=True)
class Period:
    """What has ended within a period.

    Attributes:
        since: Its beginning.
        until: Its end.
        ended: The incidents, in the order in which they ended.
        unread: How many more there are.
        open: The incidents that have not ended, oldest first.
    """

    since: datetime
    until: datetime
    ended: tuple[Incident, ...]
    unread: int
    open: tuple[Incident, ...]


class Digests:
    """The table of the digest, and the incidents as it sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, schedule: Schedule) -> Standing | None:
        """Look at the schedule; gives how it stands when a digest is to be tried now. Durable on return."""
        with self._database.transaction() as connection:
            now, known = database_now(connection), _standing(connection)
            standing = digest.looked(known, schedule, now) if known else digest.begun(schedule, now)
            if standing != known:
                _put(connection, standing)
            return standing if standing.is_due(now) else None

    def since(self, since: datetime) -> Period:
        """What has ended since then, up to now.

        Whoever writes is alone in the database, and so are we here: nothing that has ended by now can come to be seen later.
        """
        closed = sa.and_(INCIDENT.c.state == State.CLOSED, INCIDENT.c.closed_at > milliseconds(since))
        with self._database.transaction() as connection:
            until = database_now(connection)
            count = connection.execute(sa.select(sa.func.count()).select_from(INCIDENT).where(closed)).scalar_one()
            query = sa.select(INCIDENT.c.document)
            ended = connection.scalars(query.where(closed).order_by(INCIDENT.c.closed_at).limit(MOST)).all()
            still = query.where(INCIDENT.c.state != State.CLOSED).order_by(INCIDENT.c.opened_at)
            going_on = connection.scalars(still.limit(MOST)).all()
        read = _readable(ended)
        return Period(since, until, read, count - len(read), _readable(going_on))

    def delivered(self, standing: Standing, until: datetime, note: Note) -> None:
        """The channel took it; recorded for the journal, durable on return."""
        with self._database.transaction() as connection:
            _put(connection, digest.delivered(standing, until))
            journal_queue.add(connection, journal_queue.day_stream(connection), [note])

    def failed(self, standing: Standing, note: Note) -> Standing:
        """The channel did not take it; recorded for the journal, durable on return. Gives how it stands now."""
        with self._database.transaction() as connection:
            now_failed = digest.failed(standing, database_now(connection))
            _put(connection, now_failed)
            journal_queue.add(connection, journal_queue.day_stream(connection), [note])
        return now_failed


def _standing(connection: sa.Connection) -> Standing | None:
    row = connection.execute(sa.select(DIGEST).where(DIGEST.c.name == NAME)).first()
    if row is None:
        return None
    return Standing(
        schedule=row.schedule,
        looked_until=moment(row.looked_until),
        told_until=moment(row.told_until),
        due_at=None if row.due_at is None else moment(row.due_at),
        failures=row.failures,
        try_at=None if row.try_at is None else moment(row.try_at),
    )


def _put(connection: sa.Connection, standing: Standing) -> None:
    fields = asdict(standing)
    row = {name: milliseconds(value) if isinstance(value, datetime) else value for name, value in fields.items()}
    changed = sa.update(DIGEST).where(DIGEST.c.name == NAME).values(**row)
    if not connection.execute(changed).rowcount:
        connection.execute(sa.insert(DIGEST).values(name=NAME, **row))


def _readable(texts: Iterable[str]) -> tuple[Incident, ...]:
    """Those that can be read: one that can't must not keep the others from being told."""
    found = []
    for text in texts:
        try:
            found.append(incident_from(text))
        except UnreadableDocument:
            continue
    return tuple(found)
