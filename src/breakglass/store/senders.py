# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of senders: each row is changed in the transaction that takes a message in, or records that it was refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain import senders
from breakglass.domain.draft import Note
from breakglass.domain.senders import Sender
from breakglass.store import journal_queue
from breakglass.store.database import milliseconds, moment
from breakglass.store.database import now as database_now
from breakglass.store.tables import SENDER

if TYPE_CHECKING:
    from breakglass.domain.senders import Refusal
    from breakglass.store.database import Database


@dataclass(frozen=True)
class Heard:
    """Whose message is taken in, and how many alerts it says that it left out."""

    source: str
    left_out: int


class Senders:
    """What is known of the senders of the settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refused(self, source: str, status: int, why: str, refusal: Refusal) -> None:
        """A message to a source of the settings was refused; recorded for the journal too, durable on return."""
        with self._database.transaction() as connection:
            journal_queue.add(connection, journal_queue.day_stream(connection), [refused_note(source, status, why)])
            known = _of(connection, source)
            _put(connection, senders.refused(known, database_now(connection), refusal, why))

    def all(self) -> tuple[list[Sender], datetime]:
        """Every sender that was ever heard or refused, by name, and the database's clock."""
        with self._database.reading() as connection:
            return list(known(connection).values()), database_now(connection)


def known(connection: sa.Connection) -> dict[str, Sender]:
    """Every sender that was ever heard or refused, by the name of its source."""
    rows = connection.execute(sa.select(SENDER).order_by(SENDER.c.source)).all()
    return {row.source: _sender(row) for row in rows}


def refused_note(source: str, status: int, why: str) -> Note:
    """The record of a message that was refused."""
    return Note("sender.refused", {"source": source, "status": status, "why": why})


def heard(connection: sa.Connection, sender: Heard) -> None:
    """A message of it is taken in, in the caller's transaction; that it left alerts out is recorded for the journal."""
    if sender.left_out:
        note = Note("sender.truncated", {"source": sender.source, "alerts_left_out": sender.left_out})
        journal_queue.add(connection, journal_queue.day_stream(connection), [note])
    known = _of(connection, sender.source)
    _put(connection, senders.heard(known, database_now(connection), sender.left_out))


def _of(connection: sa.Connection, source: str) -> Sender:
    row = connection.execute(sa.select(SENDER).where(SENDER.c.source == source)).first()
    return Sender(source) if row is None else _sender(row)


def _put(connection: sa.Connection, sender: Sender) -> None:
    """Write transactions are alone in the database, so that nobody comes between looking and writing."""
    row = {
        name: milliseconds(value) if isinstance(value, datetime) else value for name, value in asdict(sender).items()
    }
    changed = sa.update(SENDER).where(SENDER.c.source == sender.source).values(**row)
    if not connection.execute(changed).rowcount:
        connection.execute(sa.insert(SENDER).values(**row))


def _sender(row: sa.Row[tuple[object, ...]]) -> Sender:
    return Sender(
        source=row.source,
        heard_at=_moment(row.heard_at),
        refused_at=_moment(row.refused_at),
        refusal=row.refusal,
        unproven_since=_moment(row.unproven_since),
        unproven_at=_moment(row.unproven_at),
        unproven_times=row.unproven_times,
        rejected_at=_moment(row.rejected_at),
        truncated_at=_moment(row.truncated_at),
        left_out=row.left_out,
    )


def _moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)
