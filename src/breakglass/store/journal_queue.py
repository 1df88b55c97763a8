# SPDX-License-Identifier: GPL-3.0-or-later
"""Records on their way into the journal, and the streams that the runner answers for.

A record is written here in the transaction that makes it true, and leaves when it stands in its stream; so a crash
between the two neither loses it nor writes it twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.draft import Note
from breakglass.domain.incident import State
from breakglass.store.database import NOW, moment, runner_of
from breakglass.store.database import now as database_now
from breakglass.store.tables import INCIDENT, OUTBOX, STREAM

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from breakglass.domain.alert import Alert
    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database


@dataclass(frozen=True)
class Queued:
    """One record that waits to be written to its stream; `seq` grows and never comes twice."""

    seq: int
    stream: str
    at: datetime
    kind: str
    body: Mapping[str, object]


def incident_directory(incident: str, opened_at: datetime) -> str:
    """Where the streams of an incident stand, relative to the journal."""
    return f"{opened_at:%Y/%m/%d}/{incident}"


def runner_stream(directory: str, runner: str) -> str:
    """A runner's own stream in a directory: of an incident, or of a day. Two runners never write to one."""
    return f"{directory}/runner-{runner}" if runner else f"{directory}/runner"


def day_stream(connection: sa.Connection) -> str:
    """The stream of what belongs to no incident, for today by the database's clock."""
    return runner_stream(f"{database_now(connection):%Y/%m/%d}", runner_of(connection))


def unmatched_note(alert: Alert) -> Note:
    """The record of an alert that reached no incident."""
    body = {
        "source": alert.source,
        "name": alert.name,
        "status": alert.status.value,
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.starts_at.isoformat(),
    }
    return Note("alert.unmatched", body)


def add(connection: sa.Connection, stream: str, notes: Sequence[Note]) -> None:
    """Queue records in the caller's transaction."""
    for note in notes:
        row = {"stream": stream, "kind": note.kind, "body": json.dumps(note.body, default=str)}
        row["runner"] = runner_of(connection)
        connection.execute(sa.insert(OUTBOX).values(at=NOW, **row))


class JournalQueue:
    """The queue, and the list of announced streams, of this runner."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mine = OUTBOX.c.runner == database.runner

    def stream_of(self, incident: Incident) -> str:
        """This runner's stream of an incident."""
        return runner_stream(incident_directory(incident.id, incident.opened_at), self._database.runner)

    def add_to_day(self, notes: Sequence[Note]) -> None:
        """Queue records that belong to no incident."""
        with self._database.transaction() as connection:
            add(connection, day_stream(connection), notes)

    def add_to_incident(self, incident: Incident, notes: Sequence[Note]) -> None:
        """Queue records of an incident that are of no decision of its own; durable on return."""
        with self._database.transaction() as connection:
            add(connection, self.stream_of(incident), notes)

    def waiting(self, stream: str | None = None) -> list[Queued]:
        """What waits, in order; of one stream or of all."""
        query = sa.select(OUTBOX).where(self._mine).order_by(OUTBOX.c.seq)
        if stream is not None:
            query = query.where(OUTBOX.c.stream == stream)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Queued(row.seq, row.stream, moment(row.at), row.kind, json.loads(row.body)) for row in rows]

    def written(self, seqs: Sequence[int]) -> None:
        """These stand in their stream, synced."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(OUTBOX).where(OUTBOX.c.seq.in_(seqs)))

    def announced(self, path: str, incident: str | None) -> None:
        """The ledger is about to name this stream, for the first time or after its seal."""
        runner = sa.literal(self._database.runner, sa.Text)
        row = sa.select(sa.literal(path, sa.Text), sa.literal(incident, sa.Text), NOW, runner).where(
            ~sa.exists().where(STREAM.c.path == path)
        )
        with self._database.transaction() as connection:
            connection.execute(sa.update(STREAM).where(STREAM.c.path == path).values(sealed_at=None))
            connection.execute(sa.insert(STREAM).from_select(["path", "incident", "announced_at", "runner"], row))

    def unknown(self, paths: Collection[str]) -> list[str]:
        """Those of these streams that were never announced by this database, in their order."""
        with self._database.reading() as connection:
            known = set(connection.execute(sa.select(STREAM.c.path).where(STREAM.c.path.in_(paths))).scalars())
        return [path for path in paths if path not in known]

    def make_known(self, paths: Mapping[str, bool]) -> None:
        """These stand in the journal, and nobody writes them any more; those that are open still (True) will be sealed."""
        with self._database.transaction() as connection:
            for path, is_open in paths.items():
                row = {"path": path, "announced_at": NOW, "over_at": NOW, "runner": self._database.runner}
                connection.execute(sa.insert(STREAM).values(sealed_at=None if is_open else NOW, **row))

    def over(self, path: str) -> None:
        """Nobody writes this stream any more, though its incident may go on."""
        with self._database.transaction() as connection:
            connection.execute(sa.update(STREAM).where(STREAM.c.path == path).values(over_at=NOW))

    def to_seal(self) -> list[str]:
        """Streams that are over, or whose incident or day is, and that have nothing waiting, oldest first."""
        with self._database.reading() as connection:
            past_day = sa.and_(STREAM.c.incident.is_(None), STREAM.c.path != day_stream(connection))
            over = sa.or_(STREAM.c.over_at.is_not(None), INCIDENT.c.state == State.CLOSED, past_day)
            waiting = sa.exists().where(OUTBOX.c.stream == STREAM.c.path)
            mine = STREAM.c.runner == self._database.runner
            query = (
                sa.select(STREAM.c.path)
                .outerjoin(INCIDENT, INCIDENT.c.id == STREAM.c.incident)
                .where(STREAM.c.sealed_at.is_(None), mine, over, ~waiting)
                .order_by(STREAM.c.announced_at)
            )
            return list(connection.execute(query).scalars())

    def sealed(self, paths: Sequence[str]) -> None:
        """These are sealed, and the ledger says so."""
        with self._database.transaction() as connection:
            connection.execute(sa.update(STREAM).where(STREAM.c.path.in_(paths)).values(sealed_at=NOW))

    def counts(self) -> tuple[int, int]:
        """Records that wait to be written, and streams that wait to be sealed."""
        with self._database.reading() as connection:
            waiting = connection.execute(sa.select(sa.func.count()).select_from(OUTBOX).where(self._mine)).scalar_one()
        return waiting, len(self.to_seal())
