# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side on a real runner that is not started: its policy, store and journal queue, and no socket."""

from __future__ import annotations

import asyncio
import hmac
import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.corpus import HOSTILE
from tests.support.incidents import NOW
from tests.unit.web.http_site import HOOK, HttpSite, Written, write

from breakglass.demo import alertmanager
from breakglass.domain.holds import Scope
from breakglass.settings import load_settings
from breakglass.store.senders import Senders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.domain.senders import Sender


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(tmp_path_factory.mktemp("installation"))


@pytest.fixture
def site(written: Written, tmp_path: Path) -> Iterator[HttpSite]:
    site = HttpSite(written, tmp_path)
    written.place.secret("alertmanager").write_text(written.token)
    written.place.secret("alertmanager").chmod(0o600)
    yield site
    site.close()


def message(status: str = "firing", **labels: str) -> dict[str, object]:
    body = alertmanager.webhook(status, NOW)
    (alert,) = body["alerts"]  # type: ignore[misc]
    alert["labels"] = {**alert["labels"], **labels}
    return body


def test_a_genuine_webhook(site: HttpSite) -> None:
    """A genuine webhook is answered 202 with the incident that it opened; sent again it is a repetition."""
    first, second = site.post(message()), site.post(message())
    assert (first.status, first.reached) == (202, ["opened"])
    assert (second.status, second.reached) == (202, ["repeated"])
    assert json.loads(first.body)["alerts"] == [
        {"incident": json.loads(second.body)["alerts"][0]["incident"], "reached": "opened"}
    ]
    assert site.post(message("resolved")).reached == ["joined"]
    assert site.runner.incidents.count_by_state() == {"received": 1}


def test_what_no_trigger_matches(site: HttpSite) -> None:
    """An alert that no trigger matches is accepted, recorded, and opens nothing."""
    answer = site.post(message(alertname="SomethingElse"))
    assert (answer.status, answer.reached) == (202, ["unmatched"])
    assert [record["kind"] for record in site.recorded()] == ["alert.unmatched"]


@pytest.mark.parametrize("token", ["", "wrong", "Bearer", "\xff\xfe", "x" * 10_000])
def test_a_wrong_token(site: HttpSite, token: str) -> None:
    """Without a token of the source nothing is read; the refusal is recorded without what was sent."""
    answer = site.post(b"never read", token=token)
    assert answer.status == 401
    assert "bearer token" in answer.detail
    assert answer.headers["www-authenticate"] == "Bearer"
    (record,) = site.recorded()
    assert (record["kind"], record["source"], record["status"]) == ("sender.refused", "alertmanager", 401)
    assert "never read" not in json.dumps(record)
    assert site.runner.incidents.count_by_state() == {}


def test_a_token_can_be_changed(site: HttpSite) -> None:
    """The file of a token is read for each webhook, so that the token can be changed while the runner works."""
    site.secret.write_text("a new one")
    assert site.post(message()).status == 401
    assert site.post(message(), token="a new one").status == 202


def test_a_token_that_can_not_be_read(site: HttpSite) -> None:
    """When the sender can't be checked, it is asked to come again, and is not called wrong."""
    site.secret.chmod(0o644)
    answer = site.post(message())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "can't be checked" in answer.detail


@pytest.mark.parametrize("path", ["/webhooks/other", "/webhooks/alertmanager\x1b[2J", "/webhooks/", "/nothing"])
def test_what_is_not_there(site: HttpSite, path: str) -> None:
    """A source or page that is not there is a problem too, and its name is not repeated anywhere."""
    answer = site.post(message(), path=path)
    assert answer.status == 404
    assert answer.detail
    assert all(record["source"] == "unknown" for record in site.recorded())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": "3"}', b'{"a": 1, "a": 2}', b"[" * 100_000, b"NaN"]
)
def test_broken_bodies(site: HttpSite, body: bytes) -> None:
    """A body that is no message of its sender's kind is refused with a sentence, and nothing is taken in."""
    answer = site.post(body)
    assert answer.status == 400
    assert answer.detail.endswith((".", "?"))
    assert site.runner.incidents.count_by_state() == {}


def test_one_bad_alert_of_two(site: HttpSite) -> None:
    """A message with one unreadable alert is refused whole."""
    body = message()
    body["alerts"].append({"status": "on fire"})  # type: ignore[attr-defined]
    assert site.post(body).status == 400
    assert site.runner.incidents.count_by_state() == {}


@pytest.mark.parametrize("declared", [None, "999999999", "9" * 5000, "-1", "1e3", "\xb2"])
def test_too_large(site: HttpSite, declared: str | None) -> None:
    """A body of more than `maximum_body` is refused by its declared length, or as soon as it gets too long."""
    headers = [("content-length", declared)] if declared else []
    answer = site.post(b"{}" if declared else b" " * (20 * 1024 * 1024), headers=headers)
    assert answer.status == 413
    assert "maximum_body" in answer.detail


def test_what_the_sender_left_out_is_recorded(site: HttpSite) -> None:
    """A sender that left alerts out is on record with their number."""
    assert site.post(message() | {"truncatedAlerts": 7}).status == 202
    assert {"kind": "sender.truncated", "source": "alertmanager", "alerts_left_out": 7} in site.recorded()


def test_who_was_refused(site: HttpSite) -> None:
    """Without a token nobody knows who it was; with it, a message that can't be taken in is lost; who hangs up comes again."""
    site.post(message(), token="wrong")
    site.post(b" " * (20 * 1024 * 1024), token="wrong")
    (stranger,) = known(site)
    assert (stranger.source, stranger.unproven_times, stranger.rejected_at) == ("alertmanager", 2, None)
    asyncio.run(site.ask("POST", HOOK, [("authorization", f"Bearer {site.token}")], hanging_up))
    (gone,) = known(site)
    assert (gone.unproven_times, gone.rejected_at) == (2, None)
    assert "hung up" in gone.refusal
    for body in (b"{", b" " * (20 * 1024 * 1024)):
        before = known(site)[0].rejected_at
        site.post(body)
        assert known(site)[0].rejected_at != before
    assert known(site)[0].heard_at is None
    site.post(message())
    heard = known(site)[0]
    assert (heard.unproven_times, heard.heard_at is None, heard.truncated_at) == (0, False, None)
    site.post(message() | {"truncatedAlerts": 7})
    assert known(site)[0].left_out == 7


def test_a_signature_is_proven_with_the_body(tmp_path: Path) -> None:
    """A source that signs has proven nothing before its body was read: one that is too large may be anybody's."""
    (tmp_path / "files").mkdir()
    written = write(tmp_path / "files")
    settings = yaml.safe_load(written.place.settings.read_text(encoding="utf-8"))
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("a secret of the sender")
    settings["sources"] = {
        "events": {"kind": "cloudevents", "hmac": {"scheme": "pagerduty", "secret_files": [str(secret)]}}
    }
    written.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    site = HttpSite(replace(written, settings=load_settings(written.place.settings)), tmp_path)
    try:
        path = "/webhooks/events"
        assert site.post(b" " * (20 * 1024 * 1024), path=path).status == 413
        assert site.post(b"{", path=path).status == 401
        (stranger,) = known(site)
        assert (stranger.unproven_times, stranger.rejected_at) == (2, None)
        signature = hmac.new(secret.read_bytes(), b"{", "sha256").hexdigest()
        assert site.post(b"{", path=path, headers=[("x-pagerduty-signature", f"v1={signature}")]).status == 400
        assert known(site)[0].rejected_at is not None
    finally:
        site.close()


def test_a_name_that_is_no_source(site: HttpSite) -> None:
    """Is nobody whose messages could be lost, also when it is spelled as such names are recorded."""
    for path in ("/webhooks/other", "/webhooks/unknown"):
        assert site.post(message(), path=path).status == 404
    assert known(site) == []
    assert [record["source"] for record in site.recorded()] == ["unknown", "unknown"]


def known(site: HttpSite) -> list[Sender]:
    return Senders(site.runner.database).all()[0]


async def hanging_up() -> dict[str, object]:
    return {"type": "http.disconnect"}


def test_a_locked_database(site: HttpSite) -> None:
    """While the database takes nothing the sender is told to come again; afterwards the same message is taken in."""
    with closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = site.post(message())
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "Nothing was taken in" in answer.detail
        other.execute("ROLLBACK")
    assert site.post(message()).reached == ["opened"]


def test_the_same_message_many_times_at_once(site: HttpSite) -> None:
    """One message that comes sixteen times at the same moment opens one incident."""
    barrier, answers = threading.Barrier(16), []

    def send() -> None:
        barrier.wait()
        answers.append(site.post(message()))

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [answer.reached[0] for answer in answers if answer.status == 202]
    assert {answer.status for answer in answers} <= {202, 503}
    assert sorted(set(taken)) in (["opened"], ["opened", "repeated"])
    assert taken.count("opened") == 1
    assert site.runner.incidents.count_by_state() == {"received": 1}


def test_hostile_text_is_taken_in_as_text(site: HttpSite) -> None:
    """Every hostile text in every label, annotation and name of a label is taken in or refused with a sentence."""
    for _, value in HOSTILE:
        for text in [value] if isinstance(value, str) else []:
            for labels in ({"instance": text}, {"name": text}, {text: "x"}, {"alertname": text}):
                answer = site.post(message(**labels))
                assert answer.status in (202, 400), answer.body
                if answer.status == 400:
                    assert answer.detail.isprintable()
    metrics = site.get("/metrics").body.decode()
    assert "CANARY" not in metrics
    assert set(site.runner.incidents.count_by_state()) == {"received"}


def test_health(site: HttpSite) -> None:
    """A runner that lives says so; one that can't reach Vault is not ready, and says why."""
    assert site.get("/healthz").body == b"alive\n"
    answer = site.get("/readyz")
    assert answer.status == 503
    assert "Vault" in answer.detail


def test_metrics(site: HttpSite) -> None:
    """The numbers count answers, alerts, open incidents and holds, with names of the settings as labels and nothing else."""
    site.post(message())
    site.post(message(), token="wrong")
    site.post(message(), path="/webhooks/forged")
    site.runner.holds.set(Scope.HOST, ["web1", "web2"], "new disks", "ada")
    lines = site.get("/metrics").body.decode().splitlines()
    for line in (
        'breakglass_messages_total{answer="202",source="alertmanager"} 1.0',
        'breakglass_messages_total{answer="401",source="alertmanager"} 1.0',
        'breakglass_messages_total{answer="404",source="unknown"} 1.0',
        'breakglass_alerts_total{reached="opened",source="alertmanager"} 1.0',
        'breakglass_incidents{state="received"} 1.0',
        'breakglass_holds{scope="host",set_by="person"} 2.0',
        'breakglass_holds{scope="all",set_by="person"} 0.0',
        'breakglass_holds{scope="host",set_by="incident"} 0.0',
        "breakglass_records_waiting 4.0",
        "breakglass_ready 0.0",
    ):
        assert line in lines


def test_a_body_that_never_ends(site: HttpSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that does not finish its body in time is let go, and asked to come again."""
    monkeypatch.setattr("breakglass.web.body.SLOWEST_BODY_SECONDS", 0.05)

    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    answer = asyncio.run(site.ask("POST", HOOK, [("authorization", f"Bearer {site.token}")], never))
    assert answer.status == 503
    assert "did not arrive within" in answer.detail
