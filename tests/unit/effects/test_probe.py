# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking Prometheus: which series count, and a server that refuses, drips, lies or is not there."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from tests.support.incidents import make_course, make_incident

from breakglass.domain.course import Probing
from breakglass.domain.messages import Finding, Probed
from breakglass.effects import probe as probe_module
from breakglass.effects.probe import Probe, Series, judged
from breakglass.settings import PrometheusSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOSTILE = 'web1"} or vector(1) #'
PROBING = Probing("up", (("instance", "web1:9100"), ("job", "node")))


def series(value: str, **labels: str) -> Series:
    return Series(metric={"instance": "web1:9100", "job": "node", **labels}, value=(1.0, value))


@pytest.mark.parametrize(
    ("found", "finding", "said"),
    [
        ([series("1")], Finding.GOOD, "up for instance=web1:9100, job=node is 1"),
        ([series("1"), series("0", instance="web2:9100")], Finding.GOOD, "is 1"),
        ([series("0.5", extra="x"), series("3")], Finding.GOOD, "is 0.5"),
        ([series("0")], Finding.BAD, "up for instance=web1:9100, job=node is 0"),
        ([series("1"), series("0", extra="x")], Finding.BAD, "is 0"),
        ([series("NaN")], Finding.BAD, "is NaN"),
        ([series("-0")], Finding.BAD, "is -0"),
        ([series("")], Finding.BAD, "is "),
        ([series("+Inf")], Finding.GOOD, "is +Inf"),
        ([], Finding.GONE, "there is no up for instance=web1:9100, job=node any more"),
        ([series("1", instance="web10:9100")], Finding.GONE, "any more"),
        ([Series(metric={"instance": "web1:9100"}, value=(1.0, "1"))], Finding.GONE, "any more"),
    ],
)
def test_which_series_count(found: list[Series], finding: Finding, said: str) -> None:
    """Only series with the alert's own labels count; there must be one, and none of them may be zero."""
    answer = judged(PROBING, found)
    assert (answer.finding, said in answer.sentence) == (finding, True), answer


class Server:
    """A strict Prometheus: one path, one method, a form; answers as a test says."""

    def __init__(self, respond: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.queries: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                assert (self.path, list(form)) == ("/api/v1/query", ["query"])
                server.queries.append((form["query"][0], self.headers.get("Authorization", "")))
                with suppress(OSError):
                    respond(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextmanager
def serving(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Server]:
    server = Server(respond)
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def answers(content: object, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


def vector(*results: object, kind: str = "vector") -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, "result": list(results)}}


UP = vector({"metric": {"__name__": "up", "instance": "web1:9100", "job": "node"}, "value": [1764216000.1, "1"]})


def ask(url: str, probing: Probing = PROBING, **settings: object) -> Probed:
    made = PrometheusSettings.model_construct(url=url, **{"bearer_token_file": None, "ca_cert": None, **settings})
    answer = Probe(made).run(make_incident(make_course(probing=probing)))
    assert isinstance(answer, Probed)
    return answer


def test_the_query_is_the_policys_own(tmp_path: Path) -> None:
    """Nothing of an alert gets into the query, the token goes along, and a good answer is good."""
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("s3cret\n", encoding="ascii")
    with serving(answers(UP)) as server:
        assert ask(server.url, bearer_token_file=token).finding is Finding.GOOD
        assert ask(server.url, Probing("up", (("instance", HOSTILE),))).finding is Finding.GONE
        assert server.queries == [("up", "Bearer s3cret"), ("up", "")]


@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (answers({"status": "error", "error": "bad query"}, 400), "answered 400 to the query 'up'"),
        (answers(b"", 503), "answered 503"),
        (answers(b"<html>"), "is not an instant vector"),
        (
            answers({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}),
            "is not an instant vector",
        ),
        (answers(vector(kind="matrix")), "is a matrix"),
        (answers(b"[" * 100_000), "is not an instant vector"),
        (answers(b" " * (probe_module.LARGEST_ANSWER + 1)), "more than 4194304 bytes"),
    ],
)
def test_an_answer_that_is_none(respond: Callable[[BaseHTTPRequestHandler], None], said: str) -> None:
    """Whatever else it says is unknown, never good, and the sentence says what was wrong."""
    with serving(respond) as server:
        answer = ask(server.url)
    assert (answer.finding, said in answer.sentence) == (Finding.UNKNOWN, True), answer


def test_nobody_is_followed() -> None:
    """A redirect is not followed: whoever it leads to could call a fault repaired."""

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        request.send_response(307)
        request.send_header("Location", "/other")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with serving(elsewhere) as server:
        assert "answered 307" in ask(server.url).sentence


def test_one_that_is_away_or_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and a byte now and then for ever: both end in time."""
    assert "gave no answer" in ask("http://127.0.0.1:9").sentence
    monkeypatch.setattr(probe_module, "ANSWER_WITHIN_SECONDS", 0.5)
    ended = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        try:
            while not ended.is_set():
                request.wfile.write(b" ")
                request.wfile.flush()
                time.sleep(0.05)
        finally:
            ended.set()

    with serving(drip) as server:
        assert "gave no answer" in ask(server.url).sentence
        ended.set()


def test_settings_without_prometheus() -> None:
    """An incident that began when there was one is not called repaired when nobody can be asked any more."""
    answer = Probe(None).run(make_incident(make_course(probing=PROBING)))
    assert isinstance(answer, Probed)
    assert answer.finding is Finding.UNKNOWN
