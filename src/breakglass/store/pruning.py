# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgetting what was closed long ago, with all that belongs to it. The journal keeps it; the database has to work, not to remember.

What stays, however old it is: what is open; what the journal has not sealed; what a hold, a host claim, a drill or a review goes back to; what a
sender still repeats, since it would be taken for news; and the last change of a fault that has changed again since, because
a repeated message is known by it. Limits look back for as long as `keep` at the most: see `Pruning.prune`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.draft import Note
from breakglass.domain.incident import State
from breakglass.store import journal_queue
from breakglass.store.database import NOW, moment
from breakglass.store.tables import DRILL, HOLD, HOST_CLAIM, INBOX, INCIDENT, ORDER, OUTBOX, REPAIR, REVIEW, STREAM

if TYPE_CHECKING:
    from datetime import timedelta

    from breakglass.store.database import Database

NAMED_BY = (HOLD, HOST_CLAIM)
GOES_WITH_IT = (INBOX, ORDER, REPAIR, REVIEW)
STREAMS_KEPT = 1000
"""So many of each runner's newest streams stay known: at its start a runner looks whether its database knows the newest of its journal."""


@dataclass(frozen=True)
class Pruning:
    """The database, as far as it forgets."""

    database: Database

    def prune(self, keep: timedelta, most: int) -> list[str]:
        """Forget so many incidents, oldest first, that closed longer ago than `keep`; one transaction, with its record.

        Args:
            keep: At least as long as any limit looks back; the caller knows the policy.
            most: Of one batch, so that nobody waits long for the database.

        Returns:
            The incidents that are gone; fewer than `most` when there are no more.

        Raises:
            DatabaseUnavailable: Nothing was changed.
        """
        span = round(keep.total_seconds() * 1000)
        with self.database.transaction() as connection:
            gone = list(connection.execute(_forgettable(span).limit(most)).scalars())
            if gone:
                _forget(connection, gone)
                before = moment(connection.execute(sa.select(NOW - span)).scalar_one())
                note = Note("incidents.pruned", {"incidents": gone, "closed_before": before.isoformat()})
                journal_queue.add(connection, journal_queue.day_stream(connection), [note])
        return gone

    def prune_streams(self, keep: timedelta) -> int:
        """Forget the names of streams that were sealed longer ago, but of the newest; returns how many. Raises DatabaseUnavailable."""
        span, gone = round(keep.total_seconds() * 1000), 0
        with self.database.transaction() as connection:
            for runner in connection.execute(sa.select(STREAM.c.runner).distinct()).scalars().all():
                mine = sa.select(STREAM.c.announced_at).where(STREAM.c.runner == runner)
                newest = mine.order_by(STREAM.c.announced_at.desc()).offset(STREAMS_KEPT - 1).limit(1)
                oldest_kept = connection.execute(newest).scalar()
                if oldest_kept is not None:
                    known = sa.exists().where(INCIDENT.c.id == STREAM.c.incident)
                    old = sa.and_(
                        STREAM.c.runner == runner, STREAM.c.announced_at < oldest_kept, STREAM.c.sealed_at < NOW - span
                    )
                    gone += connection.execute(sa.delete(STREAM).where(old, ~known)).rowcount
        return gone


def _forgettable(span: int) -> sa.Select[str]:
    unsealed = sa.exists().where(STREAM.c.incident == INCIDENT.c.id, STREAM.c.sealed_at.is_(None))
    unwritten = sa.exists().where(OUTBOX.c.stream.like("%/" + INCIDENT.c.id + "/%"))
    named = [sa.exists().where(table.c.incident == INCIDENT.c.id) for table in NAMED_BY]
    drill = sa.exists().where(DRILL.c.incident == INCIDENT.c.id, DRILL.c.ended_at.is_(None))
    unsettled = sa.or_(REVIEW.c.verdict == "", REVIEW.c.told == sa.true(), REVIEW.c.called == sa.true())
    review = sa.exists().where(REVIEW.c.incident == INCIDENT.c.id, unsettled)
    repeated = sa.exists().where(INBOX.c.incident == INCIDENT.c.id, INBOX.c.heard_at > NOW - span)
    return (
        sa.select(INCIDENT.c.id)
        .where(INCIDENT.c.state == State.CLOSED, INCIDENT.c.closed_at < NOW - span)
        .where(~unsealed, ~unwritten, *(~one for one in named), ~drill, ~review, ~repeated, ~_is_gone_by())
        .order_by(INCIDENT.c.closed_at, INCIDENT.c.id)
    )


def _is_gone_by() -> sa.ColumnElement[bool]:
    """Whether a message of another incident is told from its repetition by one of this: the last that said the opposite before it."""
    mine, later, newer = INBOX.alias("mine"), INBOX.alias("later"), INBOX.alias("newer")
    superseded = sa.exists().where(
        newer.c.fault == mine.c.fault, newer.c.firing == mine.c.firing, newer.c.seq > mine.c.seq
    )
    opposite = sa.exists().where(
        later.c.fault == mine.c.fault,
        later.c.firing != mine.c.firing,
        later.c.seq > mine.c.seq,
        later.c.incident != mine.c.incident,
    )
    return sa.exists().where(mine.c.incident == INCIDENT.c.id, opposite, ~superseded)


def _forget(connection: sa.Connection, incidents: list[str]) -> None:
    for table in GOES_WITH_IT:
        connection.execute(sa.delete(table).where(table.c.incident.in_(incidents)))
    connection.execute(sa.delete(INCIDENT).where(INCIDENT.c.id.in_(incidents)))
