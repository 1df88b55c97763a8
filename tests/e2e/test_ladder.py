# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder of escalations, on real channels: who is called, when nobody comes the next, and when a channel does not work."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.site import Site
from tests.support.traces import wait_until

from breakglass.demo.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving
    from breakglass.timeline import Event

pytestmark = pytest.mark.slow

WITHIN_SECONDS = 40
COMES_WITHIN_SECONDS = 5
TIME_TO_COME_SECONDS = 20  # for a command on a busy machine
NOWHERE = "json://127.0.0.1:9/"


class OnCall(Site):
    """A site whose trigger calls the chat, and the pager when nobody there says within seconds that they know."""

    def prepare(self, chat: str, pager: str, comes_within: int) -> None:
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        for name, url in {"chat": chat, "pager": pager}.items():
            self.reach(name, url)
            settings["channels"][name] = {"url_file": str(self.place.secret(name))}
        self.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        policy = yaml.load(self.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        first = {"notify": ["chat"], "acknowledge_within": f"{comes_within}s"}
        policy["escalations"] = {"people": [first, {"notify": ["pager"]}]}
        policy["triggers"][0]["escalation"] = "people"
        self.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")

    def reach(self, name: str, url: str) -> None:
        self.place.secret(name).touch(mode=0o600)
        self.place.secret(name).write_text(url, encoding="utf-8")

    def is_refused(self, runner: Serving) -> str:
        """An incident that nothing can be done about; people are called at once."""
        return self.post(runner.url, self.alert(labels={"instance": "web9:9100"}))

    def told(self, incident: str) -> list[object]:
        """The rungs whose channels took the message, in order."""
        return [event.body["rung"] for event in self.of(incident, "escalation.delivered")]

    def of(self, incident: str, kind: str) -> list[Event]:
        return [event for event in self.events(incident) if event.kind == kind]


@contextmanager
def _on_call(
    comes_within: int = COMES_WITHIN_SECONDS, *, chat_works: bool = True
) -> Iterator[tuple[OnCall, Channel, Channel]]:
    with Channel() as chat, Channel() as pager, OnCall() as site:
        site.prepare(chat.url if chat_works else NOWHERE, pager.url, comes_within)
        yield site, chat, pager


@pytest.mark.timeout(200)
def test_when_nobody_comes_the_next_are_called() -> None:
    """Not before the time of the first is over; over a restart of the runner, too, and each once."""
    with _on_call() as (site, chat, pager):
        with site.runner() as runner:
            incident = site.is_refused(runner)
            chat.wait_for(lambda message: incident in message.title, WITHIN_SECONDS)
        with site.runner():
            called = pager.wait_for(lambda message: incident in message.title, WITHIN_SECONDS)
            wait_until(lambda: site.told(incident) == [1, 2], WITHIN_SECONDS, lambda: str(site.told(incident)))
        _first, second = site.of(incident, "escalation.delivered")
        (begun,) = site.of(incident, "escalation.begun")
        assert (second.at - begun.at).total_seconds() >= COMES_WITHIN_SECONDS
        assert "unknown-host" in called.text
        assert (len(chat.messages), len(pager.messages)) == (1, 1)


@pytest.mark.timeout(200)
def test_who_comes_keeps_the_next_from_being_called() -> None:
    """The runner goes on, has the time of the first behind it, and the pager stays silent."""
    with _on_call(TIME_TO_COME_SECONDS) as (site, chat, pager), site.runner() as runner:
        incident = site.is_refused(runner)
        chat.wait_for(lambda message: incident in message.title, WITHIN_SECONDS)
        ack = [sys.executable, "-m", "breakglass.cli.main", "ack", incident, "--settings", str(site.place.settings)]
        subprocess.run(ack, check=True, capture_output=True, timeout=60)
        other = site.post(runner.url, site.alert(labels={"instance": "web8:9100"}, fingerprint="b") | {"groupKey": "b"})
        pager.wait_for(lambda message: other in message.title, WITHIN_SECONDS)  # of one that came later
        assert site.told(incident) == [1]
        assert not [message for message in pager.messages if incident in message.title]


@pytest.mark.timeout(200)
def test_a_channel_that_does_not_work_keeps_nobody_from_being_called() -> None:
    """That is recorded, and the next rung is called in its time."""
    with _on_call(chat_works=False) as (site, _chat, pager), site.runner() as runner:
        incident = site.is_refused(runner)
        pager.wait_for(lambda message: incident in message.title, WITHIN_SECONDS)
        wait_until(lambda: site.told(incident) == [2], WITHIN_SECONDS, lambda: str(site.told(incident)))
        assert site.of(incident, "escalation.not_delivered")
