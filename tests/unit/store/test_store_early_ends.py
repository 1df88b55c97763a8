# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that outlive their grants, as the database knows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import MINUTE, make_alert, make_course

from breakglass.domain.incident import Attempt, PlayOutcome, State
from breakglass.store.database import milliseconds, now
from breakglass.store.documents import incident_from, incident_text
from breakglass.store.early_ends import LONGEST_LIFE, EarlyEnds
from breakglass.store.inbox import Arrival
from breakglass.store.tables import INCIDENT, STREAM

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents


def _repaired(database: Database, incidents: Incidents, name: str, lives: timedelta, closed: timedelta | None) -> str:
    """An incident that was repaired, with one stream; `lives` from now on, `closed` before now."""
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), make_course(trigger=f"t-{name}"), name)])
    stream = f"2026/11/28/{name}/play-1"
    with database.transaction() as connection:
        at = now(connection)
        row = connection.execute(sa.select(INCIDENT.c.document).where(INCIDENT.c.id == name)).scalar_one()
        attempt = Attempt(1, accessor="a", expires_at=at + lives, outcome=PlayOutcome.OK, proven_at=at)
        state = State.VERIFYING if closed is None else State.CLOSED
        document = replace(incident_from(row), attempts=(attempt,), state=state)
        when = None if closed is None else milliseconds(at - closed)
        changed = {"document": incident_text(document), "state": state.value, "closed_at": when}
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == name).values(**changed))
        told = {"path": f"{stream}.jsonl", "incident": name, "announced_at": milliseconds(at)}
        connection.execute(sa.insert(STREAM).values(**told))
    return stream


@pytest.mark.parametrize("closed", [None, timedelta(0), LONGEST_LIFE - MINUTE])
def test_it_is_listed_while_it_is_valid(database: Database, incidents: Incidents, closed: timedelta | None) -> None:
    listed = _repaired(database, incidents, "INC-A", 10 * MINUTE, closed)
    _repaired(database, incidents, "INC-B", -MINUTE, closed)
    assert EarlyEnds(database).key_ids()[1] == [listed]


def test_long_closed_incidents_are_not_looked_at(database: Database, incidents: Incidents) -> None:
    _repaired(database, incidents, "INC-A", 10 * MINUTE, LONGEST_LIFE + MINUTE)
    assert EarlyEnds(database).key_ids()[1] == []


def test_nothing_is_listed_at_first(database: Database) -> None:
    assert EarlyEnds(database).key_ids()[1] == []
