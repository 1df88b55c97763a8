# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents of alerts of our own: opened once however often their reason is noticed, closed when it is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import State
from breakglass.store.database import moment
from breakglass.store.database import now as database_now
from breakglass.store.inbox import Accepted, Reached, fault_key, take_in
from breakglass.store.tables import INBOX, INCIDENT

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from breakglass.domain.alert import Alert
    from breakglass.store.database import Database
    from breakglass.store.inbox import Arrival


@dataclass(frozen=True)
class _Newest:
    """What was last said of a fault: to which incident, when that was opened, whether it is open and the fault still there."""

    incident: str
    opened_at: datetime
    is_open: bool
    firing: bool


class OwnIncidents:
    """The store as the runner's own alerts use it. The moment of an alert is the database's, so that it is the order, too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fires(self, alert: Alert) -> bool:
        """Whether an incident is open because of such an alert, which was not said to be over."""
        with self._database.reading() as connection:
            newest = _newest(connection, alert)
        return newest is not None and newest.is_open and newest.firing

    def raise_(self, arrival: Arrival, at_most_every: timedelta) -> Accepted:
        """Open an incident for it, or reach the one that is open; durable on return.

        Nothing is opened when the last one was opened less than `at_most_every` ago, whatever has become of it.

        Raises:
            DatabaseUnavailable: Nothing was taken in.
        """
        with self._database.transaction() as connection:
            newest, now = _newest(connection, arrival.alert), database_now(connection)
            if newest is not None and newest.is_open and newest.firing:
                return Accepted(newest.incident, Reached.REPEATED)
            if newest is not None and not newest.is_open and now - newest.opened_at < at_most_every:
                return Accepted(newest.incident, Reached.REPEATED)
            return take_in(connection, replace(arrival, alert=replace(arrival.alert, starts_at=now)))

    def resolve(self, arrival: Arrival) -> bool:
        """Say that it is over; False when no incident is open because of it. Raises DatabaseUnavailable."""
        with self._database.transaction() as connection:
            newest = _newest(connection, arrival.alert)
            if newest is None or not newest.is_open or not newest.firing:
                return False
            now = database_now(connection)
            return bool(take_in(connection, replace(arrival, alert=replace(arrival.alert, starts_at=now))).incident)


def _newest(connection: sa.Connection, alert: Alert) -> _Newest | None:
    query = (
        sa.select(INBOX.c.incident, INBOX.c.firing, INCIDENT.c.state, INCIDENT.c.opened_at)
        .join(INCIDENT, INCIDENT.c.id == INBOX.c.incident)
        .where(INBOX.c.fault == fault_key(alert.source, alert.fingerprint))
        .order_by(INBOX.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return row and _Newest(row.incident, moment(row.opened_at), row.state != State.CLOSED, bool(row.firing))
