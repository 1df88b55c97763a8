# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds: set and lifted by people, and by incidents in the transaction that ends their play. Every change is journalled in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.draft import Note
from breakglass.domain.holds import Hold, Scope, in_the_way, waits_quietly
from breakglass.domain.incident import State
from breakglass.domain.messages import Held, OverLimit
from breakglass.store import journal_queue
from breakglass.store.database import NOW, milliseconds, moment
from breakglass.store.database import now as database_now
from breakglass.store.documents import UnreadableDocument, incident_from, incident_text
from breakglass.store.tables import HOLD, INCIDENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.domain.holds import HoldChange
    from breakglass.domain.incident import Incident
    from breakglass.domain.people import Account
    from breakglass.store.database import Database

REMIND_AFTER = timedelta(days=1)


class Holds:
    """The table of holds that stand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self) -> list[Hold]:
        """The holds that stand, oldest first."""
        with self._database.reading() as connection:
            return _holds(connection)

    def against(self, incident: Incident) -> str:
        """Why an incident may not start now, a sentence; empty when no hold is in its way."""
        hold = in_the_way(incident, self.standing())
        return str(hold) if hold else ""

    def set(
        self, scope: Scope, names: Sequence[str], reason: str, person: str, account: Account | None = None
    ) -> list[Hold]:
        """Hold these (one empty name for everything); durable and in force on return.

        One that stands already stays beside the new one: both reasons count.
        """
        with self._database.transaction() as connection:
            made = [Hold(scope, name, reason, person, "", database_now(connection)) for name in names]
            for hold in made:
                _insert(connection, hold)
            journal_queue.add(
                connection, journal_queue.day_stream(connection), [_set_note(hold, account) for hold in made]
            )
            return made

    def lift(
        self, scope: Scope, names: Sequence[str], reason: str, person: str, account: Account | None = None
    ) -> list[Hold]:
        """Lift every hold on these, whoever set it; returns what was lifted."""
        with self._database.transaction() as connection:
            lifted = _lift(connection, sa.and_(HOLD.c.scope == scope, HOLD.c.name.in_(names)))
            notes = [_lifted_note(hold, reason, person, account) for hold in lifted]
            journal_queue.add(connection, journal_queue.day_stream(connection), notes)
            return lifted


def held(connection: sa.Connection, incident: Incident) -> Held | OverLimit | None:
    """What a hold makes of an incident that wants to start, in the transaction in which it claims its hosts.

    One that waits quietly calls people after all when a hold has stood for a day, once a day for each hold: somebody may
    have forgotten it.
    """
    hold = in_the_way(incident, _holds(connection))
    if hold is None:
        return None
    if not waits_quietly(incident, hold):
        return OverLimit(str(hold))
    forgotten = sa.and_(
        HOLD.c.scope == hold.scope,
        HOLD.c.name == hold.name,
        HOLD.c.incident == hold.incident,
        HOLD.c.told_at <= NOW - round(REMIND_AFTER.total_seconds() * 1000),
    )
    if connection.execute(sa.update(HOLD).where(forgotten).values(told_at=NOW)).rowcount:
        return OverLimit(f"for more than a day, other alerts may wait too: {hold}")
    return Held(str(hold))


def hold_trigger(connection: sa.Connection, incident: Incident, reason: str) -> None:
    """Hold an incident's trigger for its sake, in the caller's transaction, and have that journalled."""
    hold = Hold(Scope.TRIGGER, incident.course.trigger, reason, "", incident.id, database_now(connection))
    _insert(connection, hold)
    journal_queue.add(connection, journal_queue.day_stream(connection), [_set_note(hold)])


def hold_everything(connection: sa.Connection, reason: str, person: str, account: Account | None = None) -> None:
    """Set a person's hold on everything, in the caller's transaction, and have that journalled."""
    hold = Hold(Scope.ALL, "", reason, person, "", database_now(connection))
    _insert(connection, hold)
    journal_queue.add(connection, journal_queue.day_stream(connection), [_set_note(hold, account)])


def change(connection: sa.Connection, incident: Incident, change: HoldChange) -> list[Note]:
    """Set or end the holds on an incident's hosts; returns what is to be journalled."""
    hosts = incident.course.hosts
    of_incidents = sa.and_(HOLD.c.scope == Scope.HOST, HOLD.c.name.in_(hosts), HOLD.c.incident.is_not(None))
    if not change.sets:
        return [_lifted_note(hold, change.reason, incident.id) for hold in _lift(connection, of_incidents)]
    known = {hold.name for hold in _holds(connection, sa.and_(of_incidents, HOLD.c.incident == incident.id))}
    at = database_now(connection)
    made = [Hold(Scope.HOST, host, change.reason, "", incident.id, at) for host in hosts if host not in known]
    for hold in made:
        _insert(connection, hold)
    return [_set_note(hold) for hold in made]


def standing_in(connection: sa.Connection) -> list[Hold]:
    """The holds that stand, oldest first, for who only looks."""
    return _holds(connection)


def _holds(connection: sa.Connection, which: sa.ColumnElement[bool] | None = None) -> list[Hold]:
    query = sa.select(HOLD).order_by(HOLD.c.seq)
    rows = connection.execute(query if which is None else query.where(which))
    return [
        Hold(Scope(row.scope), row.name, row.reason, row.person, row.incident or "", moment(row.since)) for row in rows
    ]


def _insert(connection: sa.Connection, hold: Hold) -> None:
    since = milliseconds(hold.since)
    row = {"scope": hold.scope, "name": hold.name, "reason": hold.reason, "person": hold.person}
    statement = sa.insert(HOLD).values(incident=hold.incident or None, since=since, told_at=since, **row)
    connection.execute(statement)


def _lift(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Hold]:
    found = _holds(connection, which)
    connection.execute(sa.delete(HOLD).where(which))
    if found:
        _let_waiting_look_again(connection)
    return found


def _let_waiting_look_again(connection: sa.Connection) -> None:
    """At once, instead of when they would have; one that is looking just now does so after its usual pause."""
    idle = sa.and_(INCIDENT.c.state == State.WAITING, INCIDENT.c.lease_until < NOW)
    for row in connection.execute(sa.select(INCIDENT.c.id, INCIDENT.c.document).where(idle)).all():
        try:
            awake = incident_text(replace(incident_from(row.document), wake_at=None))
        except UnreadableDocument:
            continue  # the engine tells of it; a hold is lifted all the same
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == row.id).values(document=awake, wake_at=NOW))


def _set_note(hold: Hold, account: Account | None = None) -> Note:
    who = {"by": hold.by, **(account.recorded if account else {})}
    return Note("hold.set", {"scope": hold.scope.value, "name": hold.name, "reason": hold.reason, **who})


def _lifted_note(hold: Hold, why: str, by: str, account: Account | None = None) -> Note:
    was = {"set_by": hold.by, "since": hold.since.isoformat(), "reason": hold.reason}
    who = {"by": by, **(account.recorded if account else {})}
    return Note("hold.lifted", {"scope": hold.scope.value, "name": hold.name, "why": why, **was, **who})
