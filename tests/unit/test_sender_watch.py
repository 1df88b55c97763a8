# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is known of senders to what people are told, on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, MINUTE, make_ladder

from breakglass.domain.incident import State
from breakglass.domain.rules import Policy
from breakglass.domain.senders import Refusal
from breakglass.own_alerts import OwnAlerts
from breakglass.sender_watch import SenderWatch
from breakglass.store.database import Database
from breakglass.store.incidents import Incidents
from breakglass.store.orders import Orders
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.senders import Heard, Senders
from breakglass.store.tables import INCIDENT, SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder()}, escalation="on-call")
MOMENTS = (SENDER.c.heard_at, SENDER.c.refused_at, SENDER.c.unproven_since, SENDER.c.unproven_at)
LATER = (*MOMENTS, SENDER.c.rejected_at, SENDER.c.truncated_at)


class Door:
    """A database, what comes in at the door, and who looks after it."""

    def __init__(self, path: Path) -> None:
        self.database = Database.open(f"sqlite:///{path}/breakglass.db")
        self.senders = Senders(self.database)
        own = OwnAlerts(OwnIncidents(self.database), lambda: POLICY, ["chat"], lambda: None)
        self.watch = SenderWatch({"am"}, self.senders, own)

    def refuses(self, refusal: Refusal, times: int = 1, *, apart: timedelta = timedelta(), source: str = "am") -> None:
        for _ in range(times):
            self.pass_time(apart)
            self.senders.refused(source, 401, "The bearer token is missing.", refusal)

    def hears(self, left_out: int = 0) -> None:
        Incidents(self.database).accept([], Heard("am", left_out))

    def pass_time(self, span: timedelta) -> None:
        """As if all that is known had happened so much earlier."""
        milliseconds = round(span.total_seconds() * 1000)
        with self.database.transaction() as connection:
            connection.execute(sa.update(SENDER).values({moment: moment - milliseconds for moment in LATER}))
            connection.execute(sa.update(INCIDENT).values(opened_at=INCIDENT.c.opened_at - milliseconds))

    def told(self) -> list[str]:
        """Names of the open incidents whose alert still fires."""
        self.watch.look()
        fires = []
        for incident in Orders(self.database).open_incidents():
            with self.database.reading() as connection:
                query = "SELECT firing FROM inbox WHERE incident = :incident ORDER BY seq DESC LIMIT 1"
                if connection.execute(sa.text(query), {"incident": incident.id}).scalar_one():
                    fires.append(incident.course.trigger)
        return fires

    def close_all(self) -> None:
        """As a person would."""
        with self.database.transaction() as connection:
            connection.execute(sa.update(INCIDENT).values(state=State.CLOSED))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door = Door(tmp_path)
    yield door
    door.database.close()


def test_a_sender_with_a_wrong_token(door: Door) -> None:
    """Is told once however often anybody looks, and is over with its next message."""
    door.refuses(Refusal.UNPROVEN, 2, apart=3 * MINUTE)
    assert door.told() == []
    door.refuses(Refusal.UNPROVEN, 1, apart=5 * MINUTE)
    assert [door.told() for _ in range(3)] == [["SenderRefused"]] * 3
    door.hears()
    assert door.told() == []


def test_a_stranger_calls_people_once_a_day(door: Door) -> None:
    """However long it goes on, and whatever became of the incident."""
    door.refuses(Refusal.UNPROVEN, 3, apart=5 * MINUTE)
    assert door.told() == ["SenderRefused"]
    door.close_all()
    for _ in range(23):
        door.refuses(Refusal.UNPROVEN, 3, apart=20 * MINUTE)
        assert door.told() == []
    door.refuses(Refusal.UNPROVEN, 3, apart=20 * MINUTE)
    assert door.told() == ["SenderRefused"]


def test_the_sender_itself_is_told_at_once(door: Door) -> None:
    """And once an hour at most; it is over half an hour after the last one, once something was taken in."""
    door.refuses(Refusal.REJECTED)
    assert door.told() == ["MessagesRefused"]
    door.pass_time(DAY)
    assert door.told() == ["MessagesRefused"]
    door.hears()
    assert door.told() == []
    door.close_all()
    door.refuses(Refusal.REJECTED)
    assert door.told() == ["MessagesRefused"]
    door.close_all()
    door.refuses(Refusal.REJECTED, apart=40 * MINUTE)
    assert door.told() == []
    door.refuses(Refusal.REJECTED, apart=20 * MINUTE)
    assert door.told() == ["MessagesRefused"]


def test_alerts_that_are_left_out(door: Door) -> None:
    """Told at once; over after six hours in which messages came whole."""
    door.hears(left_out=3)
    assert door.told() == ["SenderTruncates"]
    door.pass_time(5 * HOUR)
    door.hears()
    assert door.told() == ["SenderTruncates"]
    door.pass_time(HOUR)
    assert door.told() == []


def test_a_source_that_the_settings_have_no_more(door: Door) -> None:
    """Raises nothing, and what was raised is over."""
    door.refuses(Refusal.REJECTED, source="gone")
    assert door.told() == []
    door.refuses(Refusal.REJECTED)
    assert door.told() == ["MessagesRefused"]
    own = door.watch.own_alerts
    door.watch = SenderWatch(set(), door.senders, own)
    assert door.told() == []
