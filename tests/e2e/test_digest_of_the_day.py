# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of a real runner: a repair, a refusal and a hold in it, its channel down over a restart, and a day on which nothing was."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import all_events, rows, wait_until

from breakglass.demo.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_SECONDS = 40
DAY = 24 * 3600 * 1000


class Desk(Site):
    """A site with a digest, to a channel of its own."""

    def prepare(self, chat: Channel) -> None:
        self.file = self.place.secret("chat")
        self.file.touch(mode=0o600)
        self.reach(chat.url)
        far = datetime.now(UTC) + timedelta(hours=12)
        text = self.place.settings.read_text(encoding="utf-8")
        text = text.replace("channels:\n", f"channels:\n  chat: {{url_file: {self.file}}}\n")
        self.place.settings.write_text(f"{text}digest: {{to: chat, at: '{far:%H:%M}'}}\n", encoding="utf-8")

    def reach(self, url: str) -> None:
        self.file.write_text(url, encoding="utf-8")

    def has_begun(self) -> bool:
        return bool(rows(self, "SELECT name FROM digest"))

    def be_due(self) -> None:
        """As if nobody had looked for a day."""
        self._set(f"looked_until = looked_until - {DAY}, told_until = told_until - {DAY}")

    def pause_is_over(self) -> None:
        self._set("try_at = 0")

    def _set(self, values: str) -> None:
        with sqlite3.connect(self.scratch / "breakglass.db", timeout=10) as database:
            database.execute(f"UPDATE digest SET {values}")

    def records(self, kind: str) -> list[dict[str, object]]:
        return [dict(event.body) for event in all_events(self) if event.kind == kind]


@pytest.fixture
def chat() -> Iterator[Channel]:
    with Channel() as chat:
        yield chat


@pytest.fixture
def desk(chat: Channel) -> Iterator[Desk]:
    with Desk() as desk:
        desk.prepare(chat)
        yield desk


def test_what_happened_is_told_once_though_the_channel_was_down(desk: Desk, chat: Channel) -> None:
    """The failure is on record, and the next runner tries it again."""
    desk.service.kill()
    with desk.runner() as runner:
        incident = desk.post(runner.url, desk.alert())
        desk.wait_for(incident, "grant.revoked")
        desk.post(runner.url, desk.alert("resolved"))
        desk.wait_for(incident, "incident.closed")
        unknown = desk.post(runner.url, desk.alert(labels={"instance": "web9:9100"}, fingerprint="another"))
        desk.wait_for(unknown, "escalation.delivered")
        command = [sys.executable, "-m", "breakglass.cli.main", "hold", "--host", "web1", "--reason", "new disks"]
        subprocess.run([*command, "--settings", str(desk.place.settings)], check=True, timeout=60, capture_output=True)
        wait_until(desk.has_begun, WITHIN_SECONDS, "nobody looks at the schedule")
        desk.reach("json://127.0.0.1:9/")
        desk.be_due()
        wait_until(lambda: desk.records("digest.not_delivered"), WITHIN_SECONDS, "no failure was recorded")
        assert chat.messages == ()
    desk.reach(chat.url)
    desk.pause_is_over()
    with desk.runner():
        message = chat.wait_for(lambda _: True, WITHIN_SECONDS)
        assert message.title == "breakglass digest: 1 open, 1 repaired, 1 hold"
        assert f"  {incident}  ServiceDown on web1  restart_service in " in message.text
        assert f"  {unknown}  ServiceDown on no host  escalated since " in message.text
        assert "NOT acknowledged: unknown-host: 'web9:9100' is not a host of the inventory" in message.text
        assert "web1 is held by" in message.text
        wait_until(lambda: desk.records("digest.delivered"), WITHIN_SECONDS, "its delivery was not recorded")
        (told,) = desk.records("digest.delivered")
        assert (told["channel"], told["counts"]) == ("chat", {"open": 1, "repaired": 1, "holds": 1})
        assert len(chat.messages) == 1


def test_a_day_on_which_nothing_was(desk: Desk, chat: Channel) -> None:
    """Is told too: a digest that does not come means a runner that is dead."""
    with desk.runner():
        wait_until(desk.has_begun, WITHIN_SECONDS, "nobody looks at the schedule")
        desk.be_due()
        message = chat.wait_for(lambda _: True, WITHIN_SECONDS)
    assert message.title == "breakglass digest: nothing happened"
    assert message.text.count("\n") == 0
