# SPDX-License-Identifier: GPL-3.0-or-later
"""What people have asked for before, as the database knows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, MINUTE, make_alert, make_course, make_plan

from breakglass.domain.approvals import Asker, Overridden, Quorum, Requirement
from breakglass.domain.draft import Note
from breakglass.domain.past_requests import Past
from breakglass.store.database import milliseconds, now
from breakglass.store.inbox import Arrival
from breakglass.store.past_requests import PastRequests
from breakglass.store.reviews import Reviews
from breakglass.store.tables import INCIDENT

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents

QUORUM = Quorum("one", (Requirement(1, ("security",)),), ("chat",), 15 * MINUTE)
ADA = Asker("ada", "e-ada", "ada", ("dba",), "it hangs")


@pytest.fixture
def past(database: Database) -> PastRequests:
    return PastRequests(database)


def request(incidents: Incidents, name: str, asker: Asker | None, *, override: bool = False) -> None:
    """Somebody asks; without an asker it is an alert whose text looks like a request."""
    course = make_course(plan=replace(make_plan(), remediation="" if asker else "a.b.c"), asked_by=asker, quorum=QUORUM)
    if override:
        course = replace(course, quorum=None, overridden=Overridden(QUORUM, HOUR))
    labels = {"alertname": '"asked_by":{"person":"ada"', "n": name}
    alert = replace(make_alert(fingerprint=name, group=name), labels=labels)
    incidents.accept([Arrival(alert, replace(course, trigger=f"t-{name}"), name)])


def test_requests_of_the_person_are_counted(incidents: Incidents, past: PastRequests) -> None:
    """By all of their entities; not those of others, and not alerts, whatever their labels say."""
    assert past.of(ADA) == Past()
    request(incidents, "INC-A", ADA)
    request(incidents, "INC-B", replace(ADA, entity="e-ada-ldap"))
    request(incidents, "INC-C", Asker("ben", "e-ben", "ben", ("dba",)))
    request(incidents, "INC-D", None)
    assert past.of(ADA) == Past(requests=2)


def test_who_belongs_to_nobody_is_counted_by_entity(incidents: Incidents, past: PastRequests) -> None:
    """Two entities that no admin has given to a person are two."""
    request(incidents, "INC-A", Asker("", "e-1", "one", ("dba",)))
    request(incidents, "INC-B", Asker("", "e-2", "two", ("dba",)))
    assert past.of(Asker("", "e-1", "one", ("dba",))) == Past(requests=1)


def test_overrides_are_told_with_their_verdict(incidents: Incidents, past: PastRequests, database: Database) -> None:
    """And those that nobody has judged."""
    request(incidents, "INC-A", ADA, override=True)
    request(incidents, "INC-B", ADA, override=True)
    Reviews(database).give("INC-A", "justified", Note("review.given", {}))
    assert past.of(ADA) == Past(requests=2, justified=1, not_reviewed=1)


def test_what_is_older_than_thirty_days_is_left_out(
    incidents: Incidents, past: PastRequests, database: Database
) -> None:
    """By the database's clock."""
    request(incidents, "INC-A", ADA)
    request(incidents, "INC-B", ADA)
    with database.transaction() as connection:
        old = milliseconds(now(connection) - 31 * DAY)
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == "INC-A").values(opened_at=old))
    assert past.of(ADA) == Past(requests=1)
