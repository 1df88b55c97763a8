# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input over HTTP: each gets a clear answer, is recorded without its content, loses nothing and starts nothing."""

from __future__ import annotations

import http.client
import json
import select
import socket
import sqlite3
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml
from tests.support.site import Site, as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from breakglass.demo.serving import Serving

WEBHOOK = "/webhooks/alertmanager"
PROBLEM = "application/problem+json"
HUNDRED_MEGABYTES = 100 * 1024 * 1024
MARK = "what-a-refused-body-says"
"""Stands in every refused body, and must be found nowhere afterwards."""
LIMIT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What the runner answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """The sentence of a problem (RFC 9457), whose form is checked here."""
        assert self.headers["content-type"] == PROBLEM, self
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert {"type", "title", "detail"} <= problem.keys()
        detail = str(problem["detail"])
        assert detail.endswith("."), detail
        return detail

    @property
    def reached(self) -> list[tuple[str, str]]:
        """What became of the alerts of a message: incident, and how it was reached."""
        assert self.status == 202, self
        return [(alert["incident"], alert["reached"]) for alert in json.loads(self.body)["alerts"]]


@dataclass(frozen=True)
class Desk:
    """A running installation, and the ways to talk to it."""

    site: Site
    runner: Serving

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.runner.url)
        return parts.hostname or "", parts.port or 0

    @property
    def bearer(self) -> dict[str, str]:
        """The right token."""
        return {"Authorization": f"Bearer {self.site.token}"}

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=LIMIT_SECONDS)
        with closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def post(self, body: bytes) -> Answer:
        """Post as the known sender."""
        return self.ask("POST", WEBHOOK, self.bearer, body)

    def open(self, *headers: str) -> socket.socket:
        """Begin a webhook of the known sender on a socket: its header lines, and no body yet."""
        sender = socket.create_connection(self.address, timeout=LIMIT_SECONDS)
        lines = [f"POST {WEBHOOK} HTTP/1.1", "Host: runner", f"Authorization: Bearer {self.site.token}", *headers]
        sender.sendall("\r\n".join([*lines, "", ""]).encode())
        return sender

    def day(self, kind: str) -> list[dict[str, object]]:
        """The bodies of the records of one kind that belong to no incident."""
        streams = self.site.place.journal.glob("*/*/*/runner.jsonl")
        records = [json.loads(line) for path in streams for line in path.read_bytes().splitlines()]
        return [record["body"] for record in records if record["kind"] == kind]

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        with closing(sqlite3.connect(f"file:{self.site.scratch / 'breakglass.db'}?mode=ro", uri=True)) as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@dataclass(frozen=True)
class Refusal:
    """A request that is refused, and with what."""

    name: str
    status: int
    says: str
    method: str = "POST"
    path: str = WEBHOOK
    token: str = "Bearer {token}"
    change: Mapping[str, object] = field(default_factory=dict)
    cut: int = 0

    def send(self, desk: Desk) -> Answer:
        """Send it."""
        body = {**desk.site.alert(), "receiver": MARK, **self.change}
        content = as_json(body)[: -self.cut or None]
        headers = {"Authorization": self.token.format(token=desk.site.token)} if self.token else {}
        return desk.ask(self.method, self.path, headers, content)


ALERT = {"status": "firing", "labels": {}, "startsAt": "2026-01-01T00:00:00Z"}
RECORDED = (
    Refusal("broken JSON", 400, "not JSON", cut=1),
    Refusal("other version", 400, "version", change={"version": "3"}),
    Refusal("no alerts", 400, "alerts", change={"alerts": None}),
    Refusal("alert that is none", 400, "alerts[0]", change={"alerts": [MARK]}),
    Refusal("alert without labels", 400, "labels", change={"alerts": [{**ALERT, "labels": None}]}),
    Refusal("status that is none", 400, "status", change={"alerts": [{**ALERT, "status": "odd"}]}),
    Refusal("time that is none", 400, "startsAt", change={"alerts": [{**ALERT, "startsAt": "now"}]}),
    Refusal("no token", 401, "bearer token", token=""),
    Refusal("wrong token", 401, "bearer token", token="Bearer wrong"),
    Refusal("half of the token", 401, "bearer token", token="Bearer {token:.9}"),
    Refusal("token in other letters", 401, "bearer token", token="Bearer \u00fcber"),
    Refusal("other scheme", 401, "bearer token", token="Basic {token}"),
    Refusal("unknown source", 404, "no source", path="/webhooks/other"),
)
UNRECORDED = (
    Refusal("reading a webhook", 405, "nothing", method="GET"),
    Refusal("deleting a webhook", 405, "nothing", method="DELETE"),
    Refusal("posting to a page", 405, "nothing", path="/healthz"),
    Refusal("unknown page", 404, "nothing", method="GET", path="/favicon.ico"),
    Refusal("path that climbs", 404, "nothing", path="/webhooks/../../etc/passwd"),
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Start a runner that knows a second host, which its only access does not open."""
    with Site() as site:
        inventory = yaml.safe_load(site.place.inventory.read_text(encoding="utf-8"))
        inventory["db"] = {"hosts": {"db1": {"ansible_host": "127.0.0.1"}}}
        site.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        with site.runner() as runner:
            yield Desk(site, runner)


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def answer_on(sender: socket.socket) -> Answer:
    """The answer that comes on a socket."""
    answer = http.client.HTTPResponse(sender)
    answer.begin()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def young(site: Site, fingerprint: str) -> bytes:
    """A good webhook that opens an incident of its own, which waits."""
    body = site.alert(labels={"at": fingerprint}, since=timedelta(), fingerprint=fingerprint)
    return as_json({**body, "groupKey": fingerprint})


@pytest.mark.parametrize("refusal", [*RECORDED, *UNRECORDED], ids=lambda refusal: refusal.name)
def test_bad_request_gets_a_sentence(desk: Desk, refusal: Refusal) -> None:
    """A request that can't be taken gets its status and a sentence, and stores nothing."""
    before = desk.rows("inbox")
    answer = refusal.send(desk)

    assert answer.status == refusal.status, answer
    assert refusal.says in answer.detail
    assert MARK not in answer.detail
    assert (answer.status == 401) == ("www-authenticate" in answer.headers)
    assert (answer.status == 405) == ("allow" in answer.headers)
    assert desk.rows("inbox") == before


def test_refusals_are_recorded_without_their_content(desk: Desk) -> None:
    """Who was refused, with what and why stands in the day's stream; what the body or the token said stands nowhere."""
    wait_until(lambda: desk.rows("outbox") == 0)
    before = len(desk.day("sender.refused"))
    for refusal in RECORDED:
        refusal.send(desk)
    wait_until(lambda: len(desk.day("sender.refused")) >= before + len(RECORDED))

    told = [(body["source"], body["status"]) for body in desk.day("sender.refused")[before:]]
    assert told == [("unknown" if one.status == 404 else "alertmanager", one.status) for one in RECORDED]
    assert all(body.keys() == {"source", "status", "why"} for body in desk.day("sender.refused"))
    for path in (*desk.site.place.journal.rglob("*.jsonl"), *desk.site.scratch.glob("breakglass.db*"), desk.site.log):
        content = path.read_bytes()
        assert MARK.encode() not in content, path
        assert desk.site.token.encode() not in content, path


def test_large_body_that_says_so_is_refused_unread(desk: Desk) -> None:
    """A body of 100 MB that is announced is refused before any of it has come."""
    with desk.open(f"Content-Length: {HUNDRED_MEGABYTES}") as sender:
        answer = answer_on(sender)

    assert answer.status == 413
    assert "4194304 bytes" in answer.detail


def test_large_body_in_chunks_is_refused_on_the_way(desk: Desk) -> None:
    """A body of 100 MB that does not say how long it is gets refused as soon as it is too long."""
    chunk, sent = b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0
    with desk.open("Transfer-Encoding: chunked") as sender:
        while sent < HUNDRED_MEGABYTES and not select.select([sender], [], [], 0)[0]:
            sender.sendall(chunk)
            sent += 0x10000
        answer = answer_on(sender)

    assert answer.status == 413
    assert sent < HUNDRED_MEGABYTES
    assert "bytes" in answer.detail


def test_length_that_is_none_is_refused(desk: Desk) -> None:
    """A length that is no number is refused."""
    with desk.open("Content-Length: -1") as sender:
        assert answer_on(sender).status == 400


def test_slow_sender_holds_nobody_up(desk: Desk) -> None:
    """While one sender takes its time over a body others are answered, and in the end it is, too."""
    body = young(desk.site, "slow")
    with desk.open(f"Content-Length: {len(body)}") as sender:
        for byte in body[:-1]:
            sender.sendall(bytes([byte]))
        began = time.monotonic()
        assert desk.post(young(desk.site, "quick")).reached[0][1] == "opened"
        assert time.monotonic() - began < 5
        sender.sendall(body[-1:])
        assert answer_on(sender).reached[0][1] == "opened"


def test_sender_that_hangs_up_leaves_nothing(desk: Desk) -> None:
    """A sender that is gone in the middle of its body has said nothing: that is recorded, and is no fault of ours."""
    before = desk.rows("inbox")
    body = young(desk.site, "gone")
    with desk.open(f"Content-Length: {len(body)}") as sender:
        sender.sendall(body[:-1])

    assert desk.post(young(desk.site, "after")).reached[0][1] == "opened"
    assert desk.rows("inbox") == before + 1
    wait_until(
        lambda: "The sender hung up in the middle of the body." in [b["why"] for b in desk.day("sender.refused")]
    )
    assert "Traceback" not in desk.site.log.read_text(encoding="utf-8")


def test_empty_message_starts_nothing(desk: Desk) -> None:
    """A message without any alert is taken, as there is nothing wrong with it, and stores nothing."""
    before = desk.rows("inbox")

    assert desk.post(as_json({**desk.site.alert(), "alerts": []})).reached == []
    assert desk.rows("inbox") == before


def test_one_bad_alert_refuses_the_whole_message(desk: Desk) -> None:
    """A message is taken whole or not at all: a good alert beside a bad one is not stored, and the bad one is named."""
    before = desk.rows("inbox")
    alerts = desk.site.alert()["alerts"]
    assert isinstance(alerts, list)
    answer = desk.post(as_json({**desk.site.alert(), "alerts": [*alerts, {**alerts[0], "startsAt": ""}]}))

    assert answer.status == 400
    assert answer.detail.startswith("alerts[1]: startsAt")
    assert desk.rows("inbox") == before


def test_unknown_fields_are_left_alone(desk: Desk) -> None:
    """Fields that the sender's next version may add are no fault."""
    body = json.loads(young(desk.site, "new fields"))
    body["alerts"][0]["novelty"] = [MARK]

    assert desk.post(as_json({**body, "novelty": {"deep": [1, None]}})).reached[0][1] == "opened"


def test_locked_database_answers_503_and_loses_nothing(desk: Desk) -> None:
    """While the database takes nothing the answer is 503; the same message later is taken, once."""
    body = young(desk.site, "locked")
    before = desk.rows("inbox")
    with closing(sqlite3.connect(desk.site.scratch / "breakglass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = desk.post(body)
        other.execute("ROLLBACK")

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.detail.startswith("Nothing was taken in.")
    assert "locked" in answer.detail or "busy" in answer.detail, (
        answer.detail
    )  # another writer of the runner may wait for it
    assert desk.rows("inbox") == before

    ((incident, reached),) = desk.post(body).reached
    assert reached == "opened"
    assert desk.post(body).reached == [(incident, "repeated")]
    assert desk.rows("inbox") == before + 1


def test_no_address_of_a_message_is_ever_asked(desk: Desk) -> None:
    """An alert may point at whatever is reachable from here alone: it is a text, and nobody connects to it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as inside:
        address = f"http://127.0.0.1:{inside.getsockname()[1]}/latest/meta-data"
        noted = dict.fromkeys(("summary", "description", "runbook_url", "dashboard", "__dashboardUid__"), address)
        body = desk.site.alert(labels={"instance": "web9:9100", "link": address}, fingerprint="points inside")
        (alert,) = body["alerts"]
        alert |= {
            "annotations": noted,
            "generatorURL": address,
            "silenceURL": address,
            "imageURL": address,
            "panelURL": address,
        }
        ((incident, _),) = desk.post(as_json({**body, "externalURL": address})).reached
        message = desk.site.channel.wait_for(lambda message: incident in message.title, LIMIT_SECONDS)
        desk.site.wait_for(incident, "escalation.delivered")
        assert select.select([inside], [], [], 1.0)[0] == []
    assert f"EVIDENCE  the alert says: {address}" in message.text.splitlines()
    assert message.text.count(address) == 1


@pytest.mark.parametrize(
    ("instance", "why"),
    [
        ("web9:9100", "unknown-host: 'web9:9100' is not a host of the inventory"),
        ("WEB1", "unknown-host: 'WEB1' is not a host of the inventory"),
        ("web1:99999", "unknown-host: 'web1:99999' is not a host of the inventory"),
        ("", "no-hosts: The alert names no host"),
        ("db1:9100", "outside-access: db1 is in none of the groups of access web-operator (web)."),
    ],
)
def test_host_that_may_not_be_touched_calls_people(desk: Desk, instance: str, why: str) -> None:
    """An alert for a host that is unknown, or outside of the access, is refused; people are told why, nothing starts."""
    body = desk.site.alert(labels={"instance": instance}, fingerprint=f"host {instance}")
    ((incident, _),) = desk.post(as_json(body)).reached
    message = desk.site.channel.wait_for(lambda message: incident in message.title, LIMIT_SECONDS)
    desk.site.wait_for(incident, "escalation.delivered")
    kinds = [event.kind for event in desk.site.events(incident)]

    assert message.title == f"breakglass: ServiceDown on no host is not repaired. You are needed. {incident}"
    assert f"WHY       {why}" in message.text
    assert "STATE     no grant was opened" in message.text
    assert desk.site.states()[incident] == "escalated"
    assert kinds == ["incident.opened", "alert.firing", "alert.refused", "escalation.begun", "escalation.delivered"]


def test_pages_for_machines(desk: Desk) -> None:
    """The runner says that it is alive and ready, and counts what it answered, in words of its own only."""
    desk.ask("POST", "/webhooks/some-name-of-a-sender", {})
    with urllib.request.urlopen(f"{desk.runner.url}/healthz", timeout=LIMIT_SECONDS) as answer:
        assert answer.read() == b"alive\n"
    with urllib.request.urlopen(f"{desk.runner.url}/readyz", timeout=LIMIT_SECONDS) as answer:
        assert json.load(answer) == {"ready": True}
    with urllib.request.urlopen(f"{desk.runner.url}/metrics", timeout=LIMIT_SECONDS) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        numbers = answer.read().decode()

    assert 'breakglass_messages_total{answer="404",source="unknown"}' in numbers
    assert "breakglass_ready 1.0" in numbers
    assert 'breakglass_incidents{state="waiting"}' in numbers
    assert "some-name-of-a-sender" not in numbers


def test_journal_of_it_all_verifies(desk: Desk) -> None:
    """After all of this the journal is intact and signed, and not one play was run."""
    wait_until(lambda: desk.site.verify().exit_code == 0)

    assert not list(desk.site.place.journal.rglob("play-*.jsonl"))
