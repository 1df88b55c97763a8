# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents and their inbox: accept what comes in, claim what is due, commit what was decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.holds import Scope
from breakglass.domain.incident import Effect, Incident, State
from breakglass.store import holds, host_claims, inbox, journal_queue, orders, senders
from breakglass.store.database import NOW, PATIENCE_SECONDS, milliseconds, moment
from breakglass.store.documents import incident_from, incident_text
from breakglass.store.runners import alive
from breakglass.store.tables import HOLD, HOST_CLAIM, INBOX, INCIDENT, RUNNER
from breakglass.store.turns import Line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from breakglass.domain.alert import Alert
    from breakglass.domain.draft import Decision
    from breakglass.domain.orders import Ordered
    from breakglass.store.database import Database
    from breakglass.store.inbox import Accepted, Arrival
    from breakglass.store.senders import Heard

LEASE_MILLISECONDS = 10_000


@dataclass(frozen=True)
class Claimed:
    """An incident that this runner works on until its lease ends.

    Attributes:
        incident: Its document.
        fence: Every later owner has a higher one.
        alerts: Undone messages of its inbox, in order.
        last_seq: Of the newest of them.
        at: The database's clock when it was claimed.
        orders: Undone orders of people, in order.
        last_order: Of the newest of them.
    """

    incident: Incident
    fence: int
    alerts: tuple[Alert, ...]
    last_seq: int
    at: datetime
    orders: tuple[Ordered, ...] = ()
    last_order: int = 0


class Committed(Enum):
    """What a commit came to."""

    DONE = "done"
    FENCED = "fenced"  # someone else owns the incident now; nothing was written
    MORE_CAME = "more-came"  # it would have closed, or opened a grant, but its inbox is not empty; nothing was written


class Incidents:
    """The engine's table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(
        self, arrivals: Sequence[Arrival], sender: Heard | None = None, patience: float = PATIENCE_SECONDS
    ) -> list[Accepted]:
        """Take in the alerts of one message, all or none; durable on return.

        A firing alert opens an incident or reaches the open one of its key; one that was taken in before, also by an
        incident that is closed by now, is a repetition and starts nothing. That its sender was heard is written down too.
        It waits for its turn for `patience` seconds.

        Raises:
            DatabaseUnavailable: Nothing was taken in.
        """
        with self._database.transaction(patience, Line.DOOR) as connection:
            if sender is not None:
                senders.heard(connection, sender)
            return [inbox.take_in(connection, arrival) for arrival in arrivals]

    def claim(self, busy: Collection[str] = (), ripe: Collection[str] = ()) -> Claimed | None:
        """Take the incident that has been due for longest for this runner, if there is one; never one that it is busy with.

        One that somebody holds is taken only if its lease is over and it is `ripe`: seen so for long enough.

        Raises:
            DatabaseUnavailable: Nothing was claimed.
            UnreadableDocument: It can't be read; it stays claimed until its lease ends, out of the way of the others.
        """
        free = sa.or_(INCIDENT.c.lease_until == 0, sa.and_(INCIDENT.c.lease_until < NOW, INCIDENT.c.id.in_(ripe)))
        homeless = ~sa.exists().where(RUNNER.c.name == INCIDENT.c.home, alive())
        due = sa.and_(
            INCIDENT.c.state != State.CLOSED,
            INCIDENT.c.wake_at <= NOW,
            free,
            INCIDENT.c.id.not_in(busy),  # after a jump of the clock its lease may seem to be over
            sa.or_(INCIDENT.c.home.is_(None), INCIDENT.c.home == self._database.runner, homeless),
        )
        with self._database.reading() as connection:
            if connection.execute(sa.select(INCIDENT.c.id).where(due).limit(1)).first() is None:
                return None
        oldest = sa.select(INCIDENT.c.id).where(due).order_by(INCIDENT.c.wake_at).limit(1).scalar_subquery()
        take = (
            sa.update(INCIDENT)
            .where(INCIDENT.c.id == oldest)
            .values(owner=self._database.runner, fence=INCIDENT.c.fence + 1, lease_until=NOW + LEASE_MILLISECONDS)
            .returning(INCIDENT.c.id, INCIDENT.c.document, INCIDENT.c.fence, NOW.label("at"))
        )
        with self._database.transaction() as connection:
            row = connection.execute(take).first()
            if row is None:
                return None
            bodies, last_seq = inbox.undone(connection, row.id)
            given = orders.undone(connection, row.id)
        return Claimed(
            incident_from(row.document), row.fence, inbox.alerts_of(bodies), last_seq, moment(row.at), *given
        )

    def commit(self, claimed: Claimed, decision: Decision, stream: str) -> Committed:
        """Write down a decision and its records for the journal's stream, all or nothing.

        The lease is kept while an effect is going on, else given back. Holds on its hosts change with it. Closing
        releases the hosts, and so does waiting for the end of a maintenance window, and an escalation those that the incident
        holds: nobody but a person ends that. Nothing closes, and no grant opens, before all that was taken in is heard: a no that its
        person was told is taken counts, however late it came.
        """
        incident = decision.incident
        with self._database.transaction() as connection:
            newer = inbox.newer(connection, incident.id, claimed.last_seq) or orders.newer(
                connection, incident.id, claimed.last_order
            )
            if newer and (incident.state is State.CLOSED or incident.effect is Effect.OPEN_GRANT):
                return Committed.MORE_CAME
            written = connection.execute(_commit_statement(claimed, decision, again_at_once=newer))
            if written.rowcount == 0:
                return Committed.FENCED
            inbox.mark_done(connection, incident.id, claimed.last_seq)
            orders.mark_done(connection, incident.id, claimed.last_order)
            journal_queue.add(connection, stream, decision.notes)
            if decision.hold is not None:
                journal_queue.add(connection, stream, holds.change(connection, incident, decision.hold))
            if incident.state is State.ESCALATED:
                connection.execute(sa.delete(HOST_CLAIM).where(_held_by(incident.id)))
            if incident.state is State.CLOSED or incident.stands_aside:
                host_claims.let_go(connection, incident.id)
            return Committed.DONE

    def given_back(self, incident: str) -> bool:
        """Whether who asked for it has said that they are done, and the incident has not taken that in yet."""
        over = sa.select(INBOX.c.seq).where(
            INBOX.c.incident == incident, INBOX.c.done == sa.false(), INBOX.c.firing == sa.false()
        )
        with self._database.reading() as connection:
            return connection.execute(over.limit(1)).first() is not None

    def read_again(self, claimed: Claimed) -> Claimed:
        """The same claim with the messages that have come since."""
        with self._database.reading() as connection:
            bodies, last_seq = inbox.undone(connection, claimed.incident.id)
            given, last_order = orders.undone(connection, claimed.incident.id)
            at = moment(connection.execute(sa.select(NOW)).scalar_one())
        read = replace(claimed, alerts=inbox.alerts_of(bodies), last_seq=max(last_seq, claimed.last_seq), at=at)
        return replace(read, orders=given, last_order=max(last_order, claimed.last_order))

    def after_effect(self, claimed: Claimed, incident: Incident) -> Claimed:
        """The same claim after its effect: the document as committed, and what has come meanwhile."""
        return self.read_again(replace(claimed, incident=incident))

    def expired(self) -> list[str]:
        """Incidents that somebody holds whose lease is over."""
        over = sa.and_(INCIDENT.c.lease_until > 0, INCIDENT.c.lease_until < NOW, INCIDENT.c.state != State.CLOSED)
        with self._database.reading() as connection:
            return list(connection.execute(sa.select(INCIDENT.c.id).where(over)).scalars())

    def renew(self, fences: Mapping[str, int]) -> list[str]:
        """Prolong the leases of these incidents, and return those that are still this runner's.

        A lease that has run out is prolonged too, as long as nobody has taken the incident: its fence says so.
        """
        kept = []
        with self._database.transaction() as connection:
            for incident, fence in fences.items():
                mine = sa.and_(INCIDENT.c.id == incident, INCIDENT.c.fence == fence)
                prolonged = sa.update(INCIDENT).where(mine).values(lease_until=NOW + LEASE_MILLISECONDS)
                if connection.execute(prolonged).rowcount:
                    kept.append(incident)
        return kept

    def forget_leases(self) -> None:
        """At start: who held a lease under this runner's name is dead, or under any where it alone has the database."""
        mine = INCIDENT.c.owner == self._database.runner if self._database.several_runners else sa.true()
        with self._database.transaction() as connection:
            connection.execute(sa.update(INCIDENT).where(INCIDENT.c.lease_until > 0, mine).values(lease_until=0))

    def show(self, incident: str) -> Incident | None:
        """One incident's document."""
        with self._database.reading() as connection:
            text = connection.execute(sa.select(INCIDENT.c.document).where(INCIDENT.c.id == incident)).scalar()
        return incident_from(text) if text else None

    def extensions(self, incident: str) -> list[Incident]:
        """What was asked for to extend this one, whatever became of it, oldest first."""
        query = sa.select(INCIDENT.c.document).where(INCIDENT.c.extends == incident).order_by(INCIDENT.c.opened_at)
        with self._database.reading() as connection:
            return [incident_from(text) for text in connection.scalars(query)]

    def count_by_state(self) -> dict[str, int]:
        """How many incidents are in each state; the closed ones are not counted."""
        query = (
            sa.select(INCIDENT.c.state, sa.func.count())
            .where(INCIDENT.c.state != State.CLOSED)
            .group_by(INCIDENT.c.state)
        )
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def _held_by(incident: str) -> sa.ColumnElement[bool]:
    """Claims of hosts that the incident holds too: when its automation is over the hold alone decides, until it is lifted."""
    hold = sa.exists().where(HOLD.c.incident == incident, HOLD.c.scope == Scope.HOST, HOLD.c.name == HOST_CLAIM.c.host)
    return sa.and_(HOST_CLAIM.c.incident == incident, hold)


def _commit_statement(claimed: Claimed, decision: Decision, *, again_at_once: bool) -> sa.Update:
    incident, at = decision.incident, decision.look_again_at
    working = incident.effect is not None
    mine = sa.and_(INCIDENT.c.id == incident.id, INCIDENT.c.fence == claimed.fence, INCIDENT.c.lease_until >= NOW)
    return (
        sa.update(INCIDENT)
        .where(mine)
        .values(
            state=incident.state,
            document=incident_text(incident),
            wake_at=NOW if again_at_once or at is None else milliseconds(at),
            lease_until=NOW + LEASE_MILLISECONDS if working else 0,
            closed_at=NOW if incident.state is State.CLOSED else None,
        )
    )
