# SPDX-License-Identifier: GPL-3.0-or-later
"""A digest on its way: a real database, a real channel, and one that is not there."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import make_ladder

from breakglass.demo.channel import Channel
from breakglass.digesting import Digesting
from breakglass.domain.rules import Policy
from breakglass.own_alerts import OwnAlerts
from breakglass.settings_digest import DigestSettings
from breakglass.store.database import Database
from breakglass.store.digests import Digests
from breakglass.store.drills import DrillRuns
from breakglass.store.holds import Holds
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.orders import Orders
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.tables import DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it
POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder()}, escalation="on-call")
NOBODY = "json://127.0.0.1:9/"


class Desk:
    """A database, a channel, and who sends the digest."""

    def __init__(self, path: Path, channel: Channel) -> None:
        self.database = Database.open(f"sqlite:///{path}/breakglass.db")
        self.channel = channel
        self.file = path / "chat"
        self.reach(channel.url)
        far = datetime.now(UTC) + timedelta(hours=12)
        settings = DigestSettings(to="chat", at=f"{far:%H:%M}")
        own = OwnAlerts(OwnIncidents(self.database), lambda: POLICY, ["chat"], lambda: None)
        told = (Digests(self.database), DrillRuns(self.database), Holds(self.database), own)
        self.digesting = Digesting(settings, {"chat": self.file}, *told)

    def reach(self, url: str) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(url, encoding="utf-8")

    def be_due(self) -> None:
        """As if nobody had looked for a day."""
        self._earlier("looked_until", "told_until")

    def pause_is_over(self) -> None:
        """As if the time for the next try had come."""
        self._earlier("try_at")

    def _earlier(self, *names: str) -> None:
        day = 24 * 3600 * 1000
        with self.database.transaction() as connection:
            connection.execute(sa.update(DIGEST).values({name: DIGEST.c[name] - day for name in names}))

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.digesting.look()

    @property
    def subjects(self) -> list[str]:
        return [message.title for message in self.channel.messages]

    @property
    def kinds(self) -> list[str]:
        return [queued.kind for queued in JournalQueue(self.database).waiting()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Channel() as channel:
        desk = Desk(tmp_path, channel)
        yield desk
        desk.database.close()


def test_settings_of_a_digest() -> None:
    """What is not said is every day, by UTC."""
    settings = DigestSettings(to="chat", at="08:30")
    assert settings.schedule.at == time(8, 30)
    assert str(settings.schedule) == "every day at 08:30 UTC"


def test_a_digest_each_time(desk: Desk) -> None:
    """And no more than that, also when nothing happened; it is recorded."""
    desk.look(3)
    assert desk.subjects == []
    for time_of_day in range(1, 4):
        desk.be_due()
        desk.look(3)
        assert desk.subjects == ["breakglass digest: nothing happened"] * time_of_day
    assert desk.kinds == ["digest.delivered"] * 3


def test_a_channel_that_is_down(desk: Desk) -> None:
    """It is tried again, people hear of it by another way, and it comes in the end, once, with all that there is to tell."""
    desk.look()
    desk.be_due()
    desk.reach(NOBODY)
    desk.look(3)
    assert desk.kinds == ["digest.not_delivered"], "it pauses"
    for _ in range(2):
        assert Orders(desk.database).open_incidents() == []
        desk.pause_is_over()
        desk.look(3)
    (incident,) = Orders(desk.database).open_incidents()
    assert incident.course.trigger == "DigestNotDelivered"
    assert "does not reach the channel chat: it did not take the message" in incident.course.refusal
    desk.pause_is_over()
    desk.look()
    assert len(Orders(desk.database).open_incidents()) == 1
    desk.reach(desk.channel.url)
    desk.pause_is_over()
    desk.look(3)
    assert desk.subjects == ["breakglass digest: 1 open"]
    claimed = Incidents(desk.database).claim()
    assert claimed is not None
    assert [alert.status.value for alert in claimed.alerts] == ["firing", "resolved"]


def test_a_channel_without_a_secret(desk: Desk) -> None:
    """Is a channel that is down, with its reason in the record."""
    desk.look()
    desk.file.chmod(0o644)
    desk.be_due()
    desk.look()
    (queued,) = JournalQueue(desk.database).waiting()
    assert "chmod 600" in str(queued.body["why"])
