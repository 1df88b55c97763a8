# SPDX-License-Identifier: GPL-3.0-or-later
"""What people have asked for before: their requests of the last thirty days, and what others have said to their overrides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.past_requests import DAYS, Past, past_of
from breakglass.domain.whose import has_asked
from breakglass.store.database import milliseconds
from breakglass.store.database import now as database_now
from breakglass.store.documents import incident_from
from breakglass.store.tables import INCIDENT, REVIEW

if TYPE_CHECKING:
    from breakglass.domain.approvals import Asker
    from breakglass.store.database import Database

OF_A_PERSON = '"asked_by":{'
"""What the document of a request has, and that of an alert has not."""


@dataclass(frozen=True)
class PastRequests:
    """The requests of one database."""

    database: Database

    def of(self, asker: Asker) -> Past:
        """Those of this person, by whichever of their entities; where nobody says whose it is, of this entity."""
        with self.database.reading() as connection:
            since = milliseconds(database_now(connection) - timedelta(days=DAYS))
            query = (
                sa.select(INCIDENT.c.document, REVIEW.c.verdict)
                .outerjoin(REVIEW, REVIEW.c.incident == INCIDENT.c.id)
                .where(INCIDENT.c.opened_at >= since, INCIDENT.c.document.contains(OF_A_PERSON, autoescape=True))
            )
            rows = connection.execute(query).all()
        return past_of(row.verdict for row in rows if has_asked(asker, incident_from(row.document)))
