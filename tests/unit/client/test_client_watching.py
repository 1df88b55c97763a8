# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the event stream of a runner: its lines as the standard has them, and nothing that could move a cursor."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RefusedByRunner, RunnerApi
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

from breakglass.client import watching
from breakglass.client.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v1/incidents/INC-1/events"


def step(text: str) -> str:
    told = {"incident": "INC-1", "at": "2026-11-22T03:12:09.104000+00:00", "kind": "k", "name": "held", "text": text}
    return f"data: {json.dumps(told)}\n\n"


class Told(BaseHTTPRequestHandler):
    """Vault's word on who asks, and what a runner says at each visit; remembers with which id they came."""

    visits: ClassVar[list[tuple[int, str]]] = []
    came_with: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer the next visit."""
        if self.path != PATH:
            body = json.dumps({"data": {"token": "who-i-am"}}).encode()
            self._say(200, "application/json", body)
            return
        self.came_with.append(self.headers.get("Last-Event-ID", ""))
        status, text = self.visits.pop(0)
        self._say(status, "text/event-stream" if status == 200 else "application/problem+json", text.encode())

    def _say(self, status: int, media: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """A watch of an incident at a runner that says what the test wants."""
    monkeypatch.setattr(watching, "AGAIN_AFTER_SECONDS", 0.0)
    Told.visits, Told.came_with = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with Client(Connection(url), "a-token") as vault:
        yield Watch(RunnerApi(vault, url), "INC-1")
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stream_that_breaks_goes_on_after_the_last_whole_event(watch: Watch) -> None:
    """An id counts when its event is whole, and comments are nothing."""
    Told.visits = [
        (200, "retry: 2000\n\n: alive\n\nid: runner:1\n" + step("one") + "id: runner:2\n"),
        (503, json.dumps({"detail": "Vault is sealed."})),
        (200, "id: runner:2\n" + step("two") + "event: closed\ndata: {}\n\n"),
    ]
    breaks: list[str] = []
    lines = list(watch.lines(breaks.append))
    assert [line.split()[-1] for line in lines] == ["one", "two"]
    assert lines[0] == "03:12:09  INC-1          held        one"
    assert Told.came_with == ["", "runner:1", "runner:1"]
    assert ("Vault is sealed" in breaks[0], len(breaks)) == (True, 1)


def test_a_runner_that_has_told_everything_ends_it(watch: Watch) -> None:
    """By 204."""
    Told.visits = [(204, "")]
    assert list(watch.lines(print)) == []
    assert watch.is_over


def test_a_no_ends_it_with_the_runners_sentence(watch: Watch) -> None:
    """It would be the same the next time."""
    Told.visits = [(404, json.dumps({"detail": "There is none that you may see."}))]
    with pytest.raises(RefusedByRunner, match="none that you may see"):
        list(watch.lines(print))


def test_nothing_of_a_stream_moves_the_readers_cursor(watch: Watch) -> None:
    """Whatever it holds instead of a step."""
    Told.visits = [(200, step("\x1b[2J\r\nx") + "data: not json\n\n" + "data: [1]\n\n" + "event: closed\ndata: {}\n\n")]
    lines = list(watch.lines(print))
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
