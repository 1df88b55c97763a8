# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoking what is open: of one incident, or of all together with the hold on everything, in one transaction.

Each incident gets an order to end into its inbox; whichever runner works on it takes that in. What is committed here can't be missed:
an incident is in one of these states, durably, before its grant is asked for, and looks for a hold after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.incident import State
from breakglass.domain.orders import Ordered, Word, no_revocation
from breakglass.store import holds
from breakglass.store.documents import incident_from
from breakglass.store.orders import NoSuchIncident, RefusedOrder, put
from breakglass.store.tables import INCIDENT

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.domain.people import Account
    from breakglass.store.database import Database

TO_END = (State.OPENING, State.RUNNING)
"""A grant is open, or may be asked for in a moment. Before, the hold is in the way."""


@dataclass(frozen=True)
class Revocations:
    """What people revoke."""

    database: Database

    def revoke(self, incident: str, reason: str, person: str, account: Account | None = None) -> Incident:
        """Have an incident's grant end; durable on return. Returns the incident as it was.

        Raises:
            NoSuchIncident: Nobody knows it.
            RefusedOrder: It has no grant, and is not about to get one.
            DatabaseUnavailable: Nothing was changed.
        """
        with self.database.transaction() as connection:
            text = connection.execute(sa.select(INCIDENT.c.document).where(INCIDENT.c.id == incident)).scalar()
            if text is None:
                raise NoSuchIncident(f"There is no incident {incident[:80]}; see: breakglass incidents")
            document = incident_from(text)
            if why := no_revocation(document):
                raise RefusedOrder(f"{why}.")
            if document.state in TO_END:
                put(connection, incident, Ordered(Word.CANCEL, person, reason, account=account))
        return document

    def revoke_all(self, reason: str, person: str, account: Account | None = None) -> list[str]:
        """Hold everything, and have every incident end that has a grant or may get one; all of it or nothing.

        Returns them, oldest first, with those whose grant is being closed already.
        """
        closing = sa.select(INCIDENT.c.id, INCIDENT.c.state).where(INCIDENT.c.state.in_([*TO_END, State.CLOSING]))
        with self.database.transaction() as connection:
            holds.hold_everything(connection, reason, person, account)
            rows = connection.execute(closing.order_by(INCIDENT.c.opened_at, INCIDENT.c.id)).all()
            # One more order to end is no harm where one waits already: the second is recorded as too late.
            ordered = Ordered(Word.CANCEL, person, reason, account=account)
            for incident in (row.id for row in rows if row.state in TO_END):
                put(connection, incident, ordered)
        return [row.id for row in rows]
