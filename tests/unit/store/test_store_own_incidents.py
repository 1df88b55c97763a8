# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, make_ladder

from breakglass.domain.alert import AlertStatus
from breakglass.domain.deciding import decide
from breakglass.domain.incident import State
from breakglass.domain.messages import AlertArrived, Delivered
from breakglass.domain.orders import Ordered, Word
from breakglass.domain.own_alerts import OwnAlert, OwnName
from breakglass.domain.rules import Policy
from breakglass.own_alerts import OwnAlerts
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.incidents import Committed, Incidents
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.tables import INBOX, INCIDENT

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.journal_queue import JournalQueue

ALERT = OwnAlert(OwnName.SENDER_REFUSED, "am", "its token is wrong")
OTHER = OwnAlert(OwnName.SENDER_REFUSED, "grafana", "its token is wrong")
POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder()}, escalation="on-call")


class Hints:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def own(database: Database, hints: Hints) -> OwnAlerts:
    return OwnAlerts(OwnIncidents(database), lambda: POLICY, ["chat"], hints)


def work(incidents: Incidents, *messages: object) -> State:
    """What the engine would do with the incident that is due, with these outcomes and orders besides its alerts."""
    claimed = incidents.claim()
    assert claimed is not None
    incident = claimed.incident
    for message in [*map(AlertArrived, claimed.alerts), *messages]:
        decision = decide(incident, [message], claimed.at)
        incident = decision.incident
    assert incidents.commit(claimed, decision, "stream") is Committed.DONE
    return incident.state


def count(database: Database, table: sa.Table) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def pass_time(database: Database, span: timedelta) -> None:
    """As if incidents had been opened so much earlier."""
    with database.transaction() as connection:
        earlier = INCIDENT.c.opened_at - round(span.total_seconds() * 1000)
        connection.execute(sa.update(INCIDENT).values(opened_at=earlier))


def test_the_same_trouble_is_one_incident(own: OwnAlerts, database: Database, hints: Hints) -> None:
    """However often it is raised, before it is worked on and after; another thing's is another one."""
    first = own.raise_(ALERT)
    work(Incidents(database), Delivered(("chat",)))
    assert [own.raise_(ALERT) for _ in range(3)] == [first] * 3
    assert own.raise_(OTHER) != first
    assert (count(database, INCIDENT), count(database, INBOX), hints.count) == (2, 2, 2)


def test_it_is_raised_at_many_places_at_once(own: OwnAlerts, database: Database) -> None:
    """And still is one."""
    barrier = Barrier(8)

    def raise_it(_: int) -> str:
        barrier.wait()
        return own.raise_(ALERT)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(raise_it, range(8)))) == 1
    assert (count(database, INCIDENT), count(database, INBOX)) == (1, 1)


def test_it_closes_when_it_is_over(own: OwnAlerts, database: Database) -> None:
    """And what comes again after that is a new incident."""
    incidents = Incidents(database)
    first = own.raise_(ALERT)
    assert work(incidents, Delivered(("chat",))) is State.ESCALATED
    assert own.resolve(OTHER.name, OTHER.about) is False
    assert own.resolve(ALERT.name, ALERT.about) is True
    assert own.resolve(ALERT.name, ALERT.about) is False
    assert work(incidents) is State.CLOSED
    assert own.raise_(ALERT) != first


def test_what_was_never_raised_is_not_over(own: OwnAlerts, queue: JournalQueue, hints: Hints) -> None:
    """And leaves no record behind."""
    assert own.resolve(ALERT.name, ALERT.about) is False
    assert (queue.waiting(), hints.count) == ([], 0)


def test_what_comes_back_before_people_were_told(own: OwnAlerts, database: Database) -> None:
    """Reaches the incident that is open still."""
    incidents = Incidents(database)
    first = own.raise_(ALERT)
    assert own.resolve(ALERT.name, ALERT.about)
    assert own.raise_(ALERT) == first
    assert work(incidents, Delivered(("chat",))) is State.ESCALATED
    assert count(database, INCIDENT) == 1


def test_people_are_called_at_most_so_often(own: OwnAlerts, database: Database) -> None:
    """Whether it ended by itself or a person closed it; a span that is over counts no more, nor does another thing's."""
    incidents = Incidents(database)
    first = own.raise_(ALERT, DAY)
    work(incidents, Delivered(("chat",)), Ordered(Word.CLOSE, "ada", "a scanner"))
    pass_time(database, DAY - HOUR)
    assert own.raise_(ALERT, DAY) == first
    assert own.raise_(OTHER, DAY) != first
    pass_time(database, HOUR)
    assert own.raise_(ALERT, DAY) != first
    assert count(database, INCIDENT) == 3


def test_a_locked_database_says_so(own: OwnAlerts, database: Database) -> None:
    """Whoever raises it hears that nothing was taken in."""
    with database.transaction(), pytest.raises(DatabaseUnavailable):
        own.raise_(ALERT)
    assert count(database, INCIDENT) == 0


def test_a_change_of_the_policy_is_followed(database: Database) -> None:
    """The ladder is that of the policy in force when it is raised."""
    policies = [POLICY]
    own = OwnAlerts(OwnIncidents(database), lambda: policies[-1], ["chat"], Hints())
    own.raise_(ALERT)
    policies.append(Policy("cd" * 32, {}, (), {}))
    own.raise_(OTHER)
    incidents = Incidents(database)
    ladders = {
        claimed.incident.course.policy_digest[:2]: claimed.incident.course.ladder.name
        for claimed in (incidents.claim(), incidents.claim())
        if claimed
    }
    assert ladders == {"ab": "on-call", "cd": "every channel"}


def test_the_moment_is_the_databases(own: OwnAlerts, database: Database) -> None:
    """So that "it is over" never seems to be about something before."""
    own.raise_(ALERT)
    own.resolve(ALERT.name, ALERT.about)
    claimed = Incidents(database).claim()
    assert claimed is not None
    firing, over = claimed.alerts
    assert (firing.status, over.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert timedelta() <= over.starts_at - firing.starts_at < HOUR
    assert claimed.incident.opened_at <= over.starts_at
