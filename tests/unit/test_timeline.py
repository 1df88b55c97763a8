# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import NOW, SECOND
from tests.support.journal_records import every_record, hostile_records

from breakglass.narrator import Narrator, told
from breakglass.timeline import Event, Follower, Line, event_of, shown

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
        (
            "login.tried",
            {"by": "ada", "access": "web", "hosts": ["web1", "web2"]},
            "login",
            "ada tries web on web1, web2",
        ),
        ("login.ended", {"hosts": ["web1"], "failures": ["web2: no"]}, "login", "let in by web1; web2: no"),
        ("hold.set", {"scope": "host", "name": "web1", "by": "ada", "reason": "a"}, "held", "host web1 by ada: a"),
        ("incident.opened", {"trigger": "web", "hosts": ["w"], "drill": "d"}, "incident", "DRILL d: web on w"),
        (
            "incident.opened",
            {"trigger": "SenderRefused", "own": True},
            "incident",
            "SenderRefused: the runner tells of itself",
        ),
        ("digest.delivered", {"channel": "chat"}, "digest", "told by chat"),
        (
            "request.made",
            {"labels": {"person": "ada", "access": "db", "hosts": "db1", "reason": "locks", "extends": "INC-A"}},
            "request",
            "ada asks for more time (INC-A): db on db1: locks",
        ),
        (
            "session.continued",
            {"stream": "2026/11/22/INC-B/session-1", "until": "2026-11-22T03:55:02Z"},
            "session",
            "goes on in INC-B until 03:55:02",
        ),
        ("grant.handed_out", {"by": "ada"}, "grant", "handed out to ada: not a recorded session"),
        (
            "digest.not_delivered",
            {"channel": "chat", "why": "it is down"},
            "digest",
            "NOT YET TOLD by chat: it is down",
        ),
        ("drill.ended", {"drill": "d", "result": "failed", "failures": ["a: b"]}, "drill", "d failed   a: b"),
        ("drill.ended", {"drill": "d", "result": "passed", "failures": []}, "drill", "d passed"),
        (
            "incidents.pruned",
            {"incidents": ["INC-1", "INC-2"], "closed_before": "2025-10-23T02:51:09+00:00"},
            "forgotten",
            "2 incidents that closed before 2025-10-23",
        ),
        ("order.given", {"word": "cancel", "by": "ada", "why": "b"}, "cancel", "by ada: b"),
        ("order.given", {"word": "acknowledge", "by": "ada", "why": ""}, "acknowledge", "by ada"),
        (
            "order.given",
            {"word": "close", "by": "ada", "verdict": "false-alarm", "why": "b"},
            "close",
            "by ada (false-alarm): b",
        ),
        ("order.refused", {"word": "close", "by": "ada", "why": "b"}, "too late", "close by ada: b"),
        ("hold.lifted", {"scope": "all", "name": "", "by": "ada", "why": "b"}, "lifted", "everything by ada: b"),
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
        (
            "observed",
            {"would_have_run": "a.b.restart", "maintenance": "patching"},
            "observed",
            "would have run a.b.restart, but for the maintenance window patching",
        ),
        ("observed", {"would_not_have_run": "the hold is set"}, "observed", "would not have run: the hold is set"),
        ("grant.revoked", {"remains": ""}, "revoked", "grant gone, proven"),
        ("grant.revoked", {"remains": "a certificate"}, "revoked", "grant gone, proven: a certificate"),
        ("grant.revoked", {"remains": ["a", "b"]}, "revoked", "grant gone, proven: a; b"),
        ("effect.interrupted", {"effect": "run-play"}, "cut off", "run-play: the runner died, OUTCOME UNKNOWN"),
        ("run.died", {"why": "it was killed"}, "died", "it was killed"),
        ("alert.unmatched", {"name": "Down"}, "alert", "Down meets no trigger"),
        ("sender.refused", {"source": "am", "why": "wrong token"}, "sender", "am refused: wrong token"),
        ("heartbeat.failed", {"why": "it answered 500."}, "heartbeat", "NOT TAKEN: it answered 500."),
        ("heartbeat.taken_again", {"beats": 4}, "heartbeat", "taken again after 4 that were not"),
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


def test_grant_and_credential_have_lines_of_their_own() -> None:
    """What a play obtained is told once, with its end, and an accessor is never told whole."""
    grant = {"task": "t", "status": "ok", "accessor": "abcdefghijkl", "expires_at": "2026-11-22T03:22:09.104Z"}
    obtained = {"credential": "ssh-1", "what": "SSH certificate 7 for web1", "expires_at": "2026-11-22T03:17:09Z"}
    action = {"task": "c", "name": "Obtain", "action": "breakglass.remediation.ssh_certificate"}
    lines = tell(
        ("task.result", grant),
        ("credential.obtained", obtained),
        ("task.started", action),
        ("task.result", {"task": "c", "status": "ok", "serial": "7"}),
    )
    assert lines == [
        Line(NOW, "grant", "opened, dies by itself at 03:22:09   accessor abcd…kl"),
        Line(NOW, "credential", "SSH certificate 7 for web1, until 03:17:09"),
        None,
        None,
    ]


def test_credential_that_was_refused() -> None:
    """A refusal is told with what was asked for."""
    asked = {"credential": "db-1", "what": "a database user payments-admin", "latest_end": "2026-11-22T03:17:09Z"}
    _, refused = tell(("credential.asked", asked), ("credential.refused", {"credential": "db-1", "why": "denied"}))
    assert refused == Line(NOW, "credential", "REFUSED: a database user payments-admin: denied")


def unfinished(*events: tuple[str, Mapping[str, object]]) -> list[tuple[str, str]]:
    narrator = Narrator()
    for kind, body in events:
        narrator.tell(Event(NOW, kind, body, "play-1"))
    return [(line.name, line.text) for _, line in narrator.unfinished()]


INTENT = ("task.intent", {"task": "t1", "name": "Restart", "action": "command", "host": "web1"})


def test_task_without_a_result() -> None:
    """What was begun and has no result is told: while its run may go on as such, after its end as unknown."""
    assert unfinished(INTENT) == [("remediate", f"Restart {'.' * 49} no result yet")]
    for end in ("run.ended", "run.stopped", "run.died", "play.ended", "incident.closed"):
        assert unfinished(INTENT, (end, {})) == [("remediate", f"Restart {'.' * 49} OUTCOME UNKNOWN")]
    assert unfinished(INTENT, ("task.result", {"task": "t1", "host": "web1", "status": "ok"}), ("run.ended", {})) == []


def test_grant_play_and_credential_without_an_answer() -> None:
    """A grant, a play or a credential whose outcome nobody recorded is unknown; the credential until when it may live."""
    asked = {"credential": "ssh-1", "what": "an SSH certificate for web1", "latest_end": "2026-11-22T03:17:09Z"}
    begun = (("grant.intent", {"access": "web"}), ("play.intent", {"attempt": 1}), ("credential.asked", asked))
    assert [text for _, text in unfinished(*begun, ("run.ended", {}))][:2] == [
        "for web: no result yet",
        "attempt 1: no result yet",
    ]
    assert unfinished(*begun, ("incident.closed", {})) == [
        ("grant", "for web: OUTCOME UNKNOWN"),
        ("play", "attempt 1: OUTCOME UNKNOWN"),
        (
            "credential",
            "an SSH certificate for web1: OUTCOME UNKNOWN; if it was made, it lives until 03:17:09 at most",
        ),
    ]
    ends = (("grant.minted", {}), ("play.ended", {}), ("credential.obtained", {"credential": "ssh-1"}))
    assert unfinished(*begun, *ends) == []


def test_an_intent_that_is_unknown_stands_where_it_was_recorded() -> None:
    """In the whole story a task without a result has its place among the others."""
    events = [Event(NOW, *INTENT, "play-1"), Event(NOW + SECOND, "run.died", {"why": "it was killed"}, "play-1")]
    assert [line.name for _, line in told(events, Narrator())] == ["remediate", "died"]


def test_run_without_a_runner() -> None:
    """An operator's run is told with who ran what and why, and with what Ansible counted; under a runner neither is."""
    started = {"door": "ansible-playbook", "user": "ada", "controller": "bastion", "playbook": "site.yml"}
    opened = {"reason": "nginx answers 502", "ticket": "OPS-4711"}
    ended = {"hosts": {"web1": {"ok": 3, "changed": 1, "failures": 0}}}
    lines = tell(("run.started", started), ("grant.opened", opened), ("run.ended", ended))
    assert [line.text for line in lines if line] == [
        "site.yml by ada on bastion",
        "nginx answers 502 · OPS-4711",
        "web1: 3 ok, 1 changed",
    ]
    assert tell(("run.started", {**started, "door": "runner"}), ("run.ended", ended)) == [None, None]


def test_several_hosts() -> None:
    """As soon as a run has several hosts, each result names its own."""
    other = ("task.intent", {**INTENT[1], "host": "web2"})
    *_, result = tell(INTENT, other, ("task.result", {"task": "t1", "host": "web2", "status": "ok"}))
    assert result is not None
    assert result.text.startswith("Restart on web2 ...")


def test_every_record_can_be_told() -> None:
    """Asked for all of them, even a record that nobody has heard of is one line, with its kind and fields."""
    line = Narrator().tell_all(Event(NOW, "never.heard.of", {"why": "\x1b[2J"}, "runner"))
    assert line.text == 'never.heard.of {"why": "\\u001b[2J"}'


@pytest.mark.parametrize(
    ("seconds", "since"),
    [(0.1234, "+ 0.123 s"), (61.5, "+61.500 s"), (7199, "+7199.000 s"), (93784, "+1 day, 2:03:04")],
)
def test_time_since_the_beginning(seconds: float, since: str) -> None:
    """A line shows the time since the beginning: in seconds, and in hours when there are many."""
    assert shown(Line(NOW + seconds * SECOND, "alert", "x"), NOW) == f"   {since:<9}  alert       x"


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
    kinds = sorted({record.kind for record in every_record()})
    shortened = {key: {"text": value, "size": 1} if isinstance(value, str) else value for key, value in body.items()}
    task_results = [("task.result", {**body, key: text}) for key in ("accessor", "serial", "expires_at")]
    lines = [
        *tell(*[(kind, body) for kind in kinds], *task_results),
        *tell(*[(kind, shortened | {"status": "failed"}) for kind in kinds]),
    ]
    narrator = Narrator()
    for record in hostile_records(text)[len(text) % 3 :: 3]:  # each text meets other kinds and shapes
        event = event_of(record)
        lines += [narrator.tell(event), narrator.tell_all(event)]
    for line in (*filter(None, lines), *(line for _, line in narrator.unfinished())):
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
