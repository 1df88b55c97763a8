# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import make_alert, make_course

from breakglass.domain.draft import Decision
from breakglass.domain.incident import State
from breakglass.store.inbox import Arrival
from breakglass.store.listing import Listing
from breakglass.store.tables import INCIDENT

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents
    from breakglass.store.listing import Position


def opened(incidents: Incidents, database: Database, name: str, at: int) -> None:
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), make_course(), name)])
    with database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == name).values(opened_at=at))


def pages(listing: Listing, most: int, states: frozenset[State]) -> list[str]:
    """All ids, read page by page."""
    seen: list[str] = []
    after: Position | None = None
    while page := listing.newest(most, states, after):
        assert len(page) <= most
        seen += [incident.id for _, incident in page]
        after = page[-1][0]
    return seen


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_every_incident_comes_once_also_of_one_moment(incidents: Incidents, database: Database, most: int) -> None:
    """The newest first; those of the same millisecond by their names."""
    for name, at in (("A", 5), ("B", 7), ("C", 7), ("D", 7), ("E", 1)):
        opened(incidents, database, name, at)
    assert pages(Listing(database), most, frozenset(State)) == ["D", "C", "B", "A", "E"]


def test_what_comes_in_between_is_in_nobodys_way(incidents: Incidents, database: Database) -> None:
    """A new incident stands before the first page, and moves nothing."""
    for name, at in (("A", 1), ("B", 2), ("C", 3)):
        opened(incidents, database, name, at)
    ((after, newest),) = Listing(database).newest(1)
    opened(incidents, database, "D", 4)
    rest = [incident.id for _, incident in Listing(database).newest(9, after=after)]
    assert (newest.id, rest) == ("C", ["B", "A"])


def test_closed_ones_come_when_they_are_wanted(incidents: Incidents, database: Database) -> None:
    """Without a word, those that are open."""
    for name, at in (("A", 1), ("B", 2)):
        opened(incidents, database, name, at)
    claimed = incidents.claim()
    assert claimed is not None
    incidents.commit(claimed, Decision(replace(claimed.incident, state=State.CLOSED), (), None), "A")
    listing = Listing(database)
    assert [incident.id for _, incident in listing.newest(9)] == ["B"]
    assert pages(listing, 9, frozenset({State.CLOSED})) == ["A"]
    assert pages(listing, 1, frozenset(State)) == ["B", "A"]
