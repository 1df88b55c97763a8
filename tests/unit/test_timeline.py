# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import NOW, SECOND

from breakglass.timeline import Event, Follower, Line, Narrator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from breakglass.timeline import Line as LineType

HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


def tell(*events: tuple[str, Mapping[str, object]]) -> list[LineType | None]:
    narrator = Narrator()
    return [narrator.tell(Event(NOW, kind, body, "runner")) for kind, body in events]


@pytest.mark.parametrize(
    ("kind", "body", "name", "text"),
    [
        ("incident.opened", {"trigger": "web", "hosts": ["web1", "web2"]}, "incident", "web on web1, web2"),
        ("incident.opened", {"trigger": "web", "hosts": []}, "incident", "web on no host"),
        ("alert.firing", {"name": "ServiceDown"}, "alert", "ServiceDown   stored, answered 202"),
        ("alert.resolved", {"name": "ServiceDown"}, "alert", "ServiceDown resolved"),
        ("limits.waiting", {"why": "cooldown of web1"}, "waiting", "cooldown of web1"),
        (
            "plan.made",
            {
                "remediation": "a.b.restart",
                "hosts": ["web1"],
                "access": "web",
                "time_box_seconds": 90,
                "digest": "abcdef0123",
            },
            "plan",
            "restart on web1 · web · 1.5m   digest abcd ef01",
        ),
        ("approval.given", {"by": "automatic", "policy_line": "p.yml:9"}, "approval", "automatic (policy p.yml:9)"),
        ("observed", {"would_have_run": "a.b.restart"}, "observed", "would have run a.b.restart"),
        ("observed", {"would_not_have_run": "the hold is set"}, "observed", "would not have run: the hold is set"),
        ("grant.revoked", {"remains": ""}, "revoked", "grant gone, proven"),
        ("grant.revoked", {"remains": "a certificate"}, "revoked", "grant gone, proven: a certificate"),
        ("grant.not_proven_gone", {"why": "Vault is sealed"}, "closing", "NOT PROVEN GONE: Vault is sealed"),
        ("escalation.begun", {"ladder": "on-call", "why": "it failed"}, "escalated", "to on-call: it failed"),
        ("escalation.delivered", {"channels": ["chat", "pager"]}, "told", "chat, pager"),
        ("escalation.not_delivered", {"why": "chat: it is down"}, "told", "NOBODY YET: chat: it is down"),
        ("incident.closed", {"result": "repaired", "seconds": 12.34}, "closed", "repaired in 12.3 s"),
    ],
)
def test_what_is_told(kind: str, body: Mapping[str, object], name: str, text: str) -> None:
    """Each record that matters to people is one line."""
    assert tell((kind, body)) == [Line(NOW, name, text)]


@pytest.mark.parametrize("kind", ["grant.intent", "play.intent", "limits.passed", "never.heard.of"])
def test_what_is_not_told(kind: str) -> None:
    """A record that people need not see is no line."""
    assert tell((kind, {})) == [None]


def test_tasks_are_told_by_their_results() -> None:
    """A task is told once, when its result is known, under the name that it had when it started."""
    started = (
        "task.started",
        {"task": "t1", "name": "breakglass.remediation.restart_service : Restart", "action": "command"},
    )
    ok = ("task.result", {"task": "t1", "status": "ok", "changed": True})
    failed = ("task.result", {"task": "t1", "status": "failed", "msg": {"text": "no answer", "size": 9}})
    skipped = ("task.result", {"task": "t1", "status": "skipped"})
    nothing, told, wrong, left_out = tell(started, ok, failed, skipped)
    assert (nothing, left_out) == (None, None)
    assert told is not None
    assert wrong is not None
    assert (told.name, told.text[:25], told.text[-8:]) == ("remediate", "restart_service : Restart", " changed")
    assert wrong.text.endswith(" FAILED: no answer")


def test_grant_and_certificate_have_lines_of_their_own() -> None:
    """What a play obtained is told with its end, and an accessor is never told whole."""
    grant = {"task": "t", "status": "ok", "accessor": "abcdefghijkl", "expires_at": "2026-11-22T03:22:09.104Z"}
    certificate = {"status": "ok", "serial": "7", "principals": ["web1"], "valid_before": "2026-11-22T03:17:09Z"}
    first, second = tell(("task.result", grant), ("task.result", certificate))
    assert first == Line(NOW, "grant", "opened, dies by itself at 03:22:09   accessor abcd…kl")
    assert second == Line(NOW, "credential", "SSH certificate, principal web1, until 03:17:09")


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """Whatever text a record holds, what is told of it is one line that moves no cursor and hides nothing."""
    words = {
        "why": text,
        "name": text,
        "trigger": text,
        "hosts": [text],
        "by": text,
        "policy_line": text,
        "digest": text,
    }
    more = {"remediation": text, "access": text, "remains": text, "outcome": text, "channels": [text], "ladder": text}
    task = {"task": text, "action": text, "status": text, "msg": text, "principals": [text], "valid_before": text}
    body = {**words, **more, **task, "would_have_run": text, "result": text, "would_not_have_run": text}
    kinds = ["incident.opened", "alert.firing", "alert.resolved", "alert.refused", "limits.waiting", "limits.refused"]
    kinds += ["plan.made", "approval.given", "observed", "grant.minted", "grant.not_minted", "grant.revoked"]
    kinds += ["grant.not_proven_gone", "play.ended", "attempt.again", "verified", "escalation.begun", "task.started"]
    kinds += ["escalation.delivered", "escalation.not_delivered", "incident.closed", "task.result"]
    shortened = {key: {"text": value, "size": 1} if isinstance(value, str) else value for key, value in body.items()}
    task_results = [("task.result", {**body, key: text}) for key in ("accessor", "serial", "expires_at")]
    lines = [
        *tell(*[(kind, body) for kind in kinds], *task_results),
        *tell(*[(kind, shortened | {"status": "failed"}) for kind in kinds]),
    ]
    for line in filter(None, lines):
        assert line.text.isprintable()
        assert line.name.isprintable()


def record(at: str, kind: str = "alert.firing", body: object = None) -> bytes:
    return json.dumps({"at": at, "kind": kind, "body": {} if body is None else body}).encode() + b"\n"


def test_following_streams_that_grow(tmp_path: Path) -> None:
    """New records of all streams come once, by time; a line that is only half there comes when it is whole."""
    follower = Follower(tmp_path)
    assert follower.new_events() == []
    early, late = (NOW + seconds * SECOND for seconds in (1, 2))
    (tmp_path / "runner.jsonl").write_bytes(record(late.isoformat()))
    (tmp_path / "play-1.jsonl").write_bytes(record(early.isoformat()) + record(late.isoformat())[:20])
    assert [(event.at, event.stream) for event in follower.new_events()] == [(early, "play-1"), (late, "runner")]
    assert follower.new_events() == []
    with (tmp_path / "play-1.jsonl").open("ab") as stream:
        stream.write(record(late.isoformat())[20:])
    assert [event.stream for event in follower.new_events()] == ["play-1"]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b"1\n",
        b"\xff\xfe\n",
        record("yesterday"),
        record("2026-11-22T03:12:09", body=[1]),
    ],
)
def test_what_is_no_record_is_passed_over(tmp_path: Path, line: bytes) -> None:
    """A line that is no record hides none of the others."""
    good = record(NOW.isoformat())
    (tmp_path / "runner.jsonl").write_bytes(good + line + good)
    assert [event.at for event in Follower(tmp_path).new_events()] == [NOW, NOW]
