# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of people to incidents: an inbox beside that of the alerts, read with it and done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.closing import Closing
from breakglass.domain.incident import State
from breakglass.domain.orders import Ordered, Word, refusal
from breakglass.domain.people import Account
from breakglass.errors import BreakglassError
from breakglass.store.database import NOW
from breakglass.store.documents import incident_from, vote_from, vote_text
from breakglass.store.tables import INCIDENT, ORDER

if TYPE_CHECKING:
    from collections.abc import Collection

    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database


class RefusedOrder(BreakglassError):
    """Raised when an order can't be given to an incident as it is now; nothing was changed."""


class NoSuchIncident(BreakglassError):
    """Raised when no incident has this id."""


@dataclass(frozen=True)
class Orders:
    """Where people's orders are put."""

    database: Database

    def give(self, incident: str, ordered: Ordered) -> Incident:
        """Put an order into an incident's inbox; durable on return, and taken in at its runner's next look.

        Returns the incident as it was. Raises NoSuchIncident, RefusedOrder, DatabaseUnavailable.
        """
        with self.database.transaction() as connection:
            text = connection.execute(sa.select(INCIDENT.c.document).where(INCIDENT.c.id == incident)).scalar()
            if text is None:
                raise NoSuchIncident(f"There is no incident {incident[:80]}; see: breakglass incidents")
            document = incident_from(text)
            if why := refusal(document, ordered):
                raise RefusedOrder(f"{why}.")
            put(connection, incident, ordered)
        return document

    def show(self, incident: str) -> Incident | None:
        """One incident, whatever its state; None when there is none of this id."""
        found = self._documents(sa.select(INCIDENT.c.document).where(INCIDENT.c.id == incident))
        return found[0] if found else None

    def to_end(self, incidents: Collection[str]) -> list[str]:
        """Those of these incidents that a person has cancelled, and who have not taken that in yet."""
        cancelled = sa.select(ORDER.c.incident).where(
            ORDER.c.incident.in_(incidents), ORDER.c.word == Word.CANCEL.value, ORDER.c.done == sa.false()
        )
        with self.database.reading() as connection:
            return list(connection.execute(cancelled.distinct()).scalars())

    def open_incidents(self) -> list[Incident]:
        """Every incident that is not closed, oldest first."""
        query = sa.select(INCIDENT.c.document).where(INCIDENT.c.state != State.CLOSED).order_by(INCIDENT.c.opened_at)
        return self._documents(query)

    def latest_incidents(self, most: int) -> list[Incident]:
        """The newest incidents, whatever their state, newest first."""
        return self._documents(sa.select(INCIDENT.c.document).order_by(INCIDENT.c.opened_at.desc()).limit(most))

    def _documents(self, query: sa.Select[str]) -> list[Incident]:
        with self.database.reading() as connection:
            return [incident_from(text) for text in connection.scalars(query)]


def put(connection: sa.Connection, incident: str, ordered: Ordered) -> None:
    """Write an order down in the caller's transaction, and have its incident look at once."""
    row = {"word": ordered.word.value, "person": ordered.person, "reason": ordered.reason}
    row["vote"] = vote_text(ordered.vote) if ordered.vote else ""
    row["verdict"] = ordered.verdict.value if ordered.verdict else ""
    if ordered.account is not None:
        row |= ordered.account.recorded
    connection.execute(sa.insert(ORDER).values(incident=incident, at=NOW, **row))
    connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == incident).values(wake_at=NOW))


def cancel(connection: sa.Connection, incident: str, by: str, reason: str) -> None:
    """Have an incident end, in the caller's transaction; nothing if it was told already."""
    told = sa.exists().where(ORDER.c.incident == incident, ORDER.c.word == Word.CANCEL.value, ORDER.c.person == by)
    if not connection.execute(sa.select(told)).scalar():
        put(connection, incident, Ordered(Word.CANCEL, by, reason))


def undone(connection: sa.Connection, incident: str) -> tuple[tuple[Ordered, ...], int]:
    """What an incident has not taken in yet, in order, and the number of the last one."""
    query = sa.select(ORDER).where(ORDER.c.incident == incident, ORDER.c.done == sa.false()).order_by(ORDER.c.seq)
    rows = connection.execute(query).all()
    return tuple(_ordered(row) for row in rows), rows[-1].seq if rows else 0


def _ordered(row: sa.Row[tuple[object, ...]]) -> Ordered:
    account = Account(row.entity, row.account) if row.entity else None
    vote, verdict = vote_from(row.vote) if row.vote else None, Closing(row.verdict) if row.verdict else None
    return Ordered(Word(row.word), row.person, row.reason, vote, account, verdict)


def newer(connection: sa.Connection, incident: str, last_seq: int) -> bool:
    """Whether there are some after this number."""
    query = sa.select(ORDER.c.seq).where(
        ORDER.c.incident == incident, ORDER.c.done == sa.false(), ORDER.c.seq > last_seq
    )
    return connection.execute(query.limit(1)).first() is not None


def mark_done(connection: sa.Connection, incident: str, last_seq: int) -> None:
    """They are taken in, up to this number."""
    read = sa.and_(ORDER.c.incident == incident, ORDER.c.seq <= last_seq, ORDER.c.done == sa.false())
    connection.execute(sa.update(ORDER).where(read).values(done=sa.true()))
