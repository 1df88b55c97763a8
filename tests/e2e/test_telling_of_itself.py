# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner tells people of itself: senders that are refused and that leave alerts out, on a real runner and a real channel."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site, as_json
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.channel import Message

pytestmark = pytest.mark.slow

WITHIN_SECONDS = 30
SENDER_MOMENTS = ("heard_at", "refused_at", "unproven_since", "unproven_at", "rejected_at", "truncated_at")


class Door(Site):
    """A site, and what comes to the door of its runner."""

    def send(self, url: str, body: bytes, token: str) -> int:
        """Post to the source; gives the status of the answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{url}/webhooks/alertmanager", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)

    def breakglass(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command on the runner's machine."""
        return subprocess.run(
            [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(self.place.settings)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def open_incidents(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.breakglass("incidents", "--json").stdout)
        return found

    def pass_time(self, span: timedelta) -> None:
        """As if all that is known of senders had happened so much earlier."""
        earlier = ", ".join(f"{moment} = {moment} - {round(span.total_seconds() * 1000)}" for moment in SENDER_MOMENTS)
        with sqlite3.connect(self.scratch / "breakglass.db", timeout=10) as database:
            database.execute(f"UPDATE sender SET {earlier}")

    def told(self, name: str) -> Message:
        return self.channel.wait_for(lambda message: f"ITSELF: {name} (alertmanager)" in message.title, WITHIN_SECONDS)


@pytest.fixture
def site() -> Iterator[Door]:
    with Door() as site:
        yield site


def test_a_sender_whose_token_is_wrong(site: Door) -> None:
    """People are told once, over a restart too, though everything is held; it ends with the first message that is taken in."""
    body = as_json(site.alert(labels={"alertname": "Watchdog"}))
    with site.runner() as runner:
        assert site.breakglass("hold", "--all", "--reason", "change freeze").returncode == 0
        assert [site.send(runner.url, body, "wrong") for _ in range(2)] == [401, 401]
        site.pass_time(timedelta(minutes=6))
        assert site.send(runner.url, body, "wrong") == 401
        message = site.told("SenderRefused")
    assert message.title.startswith("breakglass ITSELF: SenderRefused (alertmanager). You are needed. INC-")
    assert "was refused 3 times in a row since" in message.text
    assert "give it the secret of sources.alertmanager again" in message.text
    assert site.token not in message.text

    (listed,) = site.open_incidents()
    incident = str(listed["id"])
    assert (listed["own"], listed["state"], listed["hosts"], listed["attempts"]) == (True, "escalated", [], 0)
    line = site.breakglass("incidents").stdout
    assert f"{incident}  escalated since" in line
    assert "SenderRefused (alertmanager)  whoever posts to /webhooks/alertmanager" in line
    with site.runner() as runner:
        assert "acknowledged by" in site.breakglass("ack", incident).stdout
        assert site.send(runner.url, body, "wrong") == 401
        assert site.send(runner.url, body, site.token) == 202
        (closed,) = site.wait_for(incident, "incident.closed")
        assert closed.body["result"] == "refused"
        assert site.breakglass("incidents").stdout == "No incident is open.\n"
    assert len(site.channel.messages) == 1
    kinds = [event.kind for event in site.events(incident)]
    assert kinds == [
        *(
            "incident.opened",
            "alert.firing",
            "alert.refused",
            "escalation.begun",
            "escalation.delivered",
            "order.given",
        ),
        *("alert.resolved", "incident.closed"),
    ]
    assert site.events(incident)[0].body["own"] is True
    assert "SenderRefused: the runner tells of itself" in site.breakglass("audit", "show", incident).stdout


def test_a_message_of_the_sender_that_is_lost(site: Door) -> None:
    """Too large, and then unreadable: people are told at once, in one incident, while Vault is down."""
    with site.place.settings.open("a", encoding="utf-8") as settings:
        settings.write("maximum_body: 5000\n")
    with site.runner() as runner:
        site.vault.stop()
        assert site.send(runner.url, b" " * 6000, site.token) == 413
        message = site.told("MessagesRefused")
        assert "maximum_body" in message.text
        assert site.send(runner.url, b"{", site.token) == 400
        (listed,) = site.open_incidents()
        assert site.send(runner.url, as_json(site.alert(labels={"alertname": "Watchdog"})), site.token) == 202
        assert site.open_incidents()[0]["alerts"] == [{"name": "MessagesRefused", "firing": True}]
        site.pass_time(timedelta(minutes=31))
        assert site.send(runner.url, as_json(site.alert(labels={"alertname": "Watchdog"})), site.token) == 202
        wait_until(lambda: not site.open_incidents(), WITHIN_SECONDS, "it is not over")
    assert len(site.channel.messages) == 1
    assert listed["trigger"] == "MessagesRefused"


def test_a_sender_that_leaves_alerts_out(site: Door) -> None:
    """People are told; the alerts that were sent are taken in all the same."""
    with site.runner() as runner:
        body = site.alert(labels={"alertname": "Watchdog"}) | {"truncatedAlerts": 3}
        assert site.send(runner.url, as_json(body), site.token) == 202
        message = site.told("SenderTruncates")
    assert "alertmanager left 3 alerts out of a message" in message.text
    assert "max_alerts: 0" in message.text
