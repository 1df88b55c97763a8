# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of every kind that this version writes, with the fields that they have, for tests of what reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import GENESIS, Record, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import JsonValue

NOW = datetime(2026, 11, 22, 3, 12, 9, 104000, tzinfo=timezone.utc)

INCIDENT = "INC-7K3M"
DIRECTORY = f"2026/11/22/{INCIDENT}"
RUN = "RUN-0123ABCD"
OPERATOR_RUN = f"2026/11/22/{RUN}/play-1"
ACCESSOR = "8Fh2abcdefghijkQ"
DIGEST = "9f3c1a72" * 8

ALERT: dict[str, JsonValue] = {
    "source": "alertmanager",
    "name": "ServiceDown",
    "fingerprint": "c0ffee5ca1ab1e00",
    "labels": {"severity": "critical", "instance": "web1:9100"},
    "annotations": {"summary": "shop on web1 does not answer"},
    "starts_at": "2026-11-22T02:51:00+00:00",
}
CREDENTIAL: dict[str, JsonValue] = {"credential": "ssh-1", "name": "ssh", "kind": "ssh", "what": "SSH certificate 7"}
LIFE: dict[str, JsonValue] = {
    "fate": "lives",
    "lease_id": "",
    "expires_at": "2026-11-22T03:22:09Z",
    "latest_end": "2026-11-22T03:22:09Z",
    "facts": {"serial": "7", "principals": ["web1"]},
}
TASK: dict[str, JsonValue] = {"task": "t-1", "name": "breakglass.remediation.restart_service : Restart shop"}

OF_THE_INCIDENT: tuple[tuple[str, dict[str, JsonValue]], ...] = (
    (
        "incident.opened",
        {
            "incident": INCIDENT,
            "trigger": "web-service-failed",
            "owner": "team-shop",
            "mode": "act",
            "hosts": ["web1"],
            "policy_digest": DIGEST,
        },
    ),
    ("alert.firing", ALERT),
    ("limits.waiting", {"why": "the alert must fire for 60 s first"}),
    ("limits.passed", {"checks": ["cooldown 900 s"]}),
    (
        "plan.made",
        {
            "digest": DIGEST,
            "remediation": "breakglass.remediation.restart_service",
            "content_digest": DIGEST,
            "hosts": ["web1"],
            "parameters": {"restart_service_name": "shop"},
            "access": "web-operator",
            "user": "breakglass",
            "time_box_seconds": 600,
        },
    ),
    ("approval.given", {"by": "automatic", "policy_line": "breakglass.yml:12", "digest": DIGEST}),
    ("grant.intent", {"access": "web-operator"}),
    ("grant.minted", {"accessor": ACCESSOR, "expires_at": "2026-11-22T03:22:09+00:00"}),
    ("play.intent", {"attempt": 1}),
    ("play.ended", {"outcome": "ok", "why": "the remediation ran and its own check passed"}),
    (
        "grant.revoked",
        {"accessor": ACCESSOR, "proven": True, "remains": "SSH certificate 7 expires at 2026-11-22T03:22:09Z"},
    ),
    ("alert.resolved", ALERT),
    ("verified", {"by": "alert resolved"}),
    ("incident.closed", {"result": "repaired", "seconds": 2.3}),
)
OF_THE_PLAY: tuple[tuple[str, dict[str, JsonValue]], ...] = (
    (
        "run.started",
        {
            "user": "ada",
            "uid": 1000,
            "controller": "bastion",
            "door": "runner",
            "playbook": "remediate.yml",
            "check_mode": False,
            "ansible_core": "2.19.14",
            "collection": "0.1.0",
        },
    ),
    ("play.started", {"play": "Remediate"}),
    ("task.started", {**TASK, "action": "ansible.builtin.command"}),
    ("task.intent", {**TASK, "action": "ansible.builtin.command", "host": "web1"}),
    ("task.result", {"task": "t-1", "host": "web1", "status": "ok", "changed": True}),
    ("run.ended", {"hosts": {"web1": {"ok": 1, "failures": 0}}}),
)
OF_THE_CREDENTIALS: tuple[tuple[str, dict[str, JsonValue]], ...] = (
    ("credential.asked", {**CREDENTIAL, "latest_end": "2026-11-22T03:22:09Z"}),
    ("credential.obtained", {**CREDENTIAL, **LIFE}),
)
TROUBLE: tuple[tuple[str, dict[str, JsonValue]], ...] = (
    ("alert.unmatched", {**ALERT, "status": "firing"}),
    ("alert.unmatched", {**ALERT, "status": "firing", "annotations": {}, "starts_at": "2026-11-22T02:51:00+00:00"}),
    ("alert.refused", {"why": "web9 is not in the inventory"}),
    ("limits.refused", {"why": "the hold is set"}),
    (
        "drill.ended",
        {
            "drill": "shop",
            "incident": "INC-DRILL-7K2F9X",
            "host": "web1",
            "by": "schedule",
            "result": "failed",
            "seconds": {"received": 0.0, "matched": 0.031},
            "failures": ["granted: permission denied"],
        },
    ),
    (
        "digest.delivered",
        {
            "channel": "platform-chat",
            "since": "2026-11-21T08:30:00+00:00",
            "until": "2026-11-22T08:30:00+00:00",
            "counts": {"repaired": 3},
        },
    ),
    (
        "digest.not_delivered",
        {
            "channel": "platform-chat",
            "since": "2026-11-21T08:30:00+00:00",
            "until": "2026-11-22T08:30:00+00:00",
            "why": "it did not take the message",
        },
    ),
    ("incidents.pruned", {"incidents": ["INC-7K2F9X"], "closed_before": "2025-10-23T02:51:09+00:00"}),
    ("order.given", {"word": "retry", "by": "ada", "why": "the disk was full"}),
    (
        "order.given",
        {"word": "cancel", "by": "ada", "entity": "5e1c", "account": "ada-laptop", "why": "the wrong host"},
    ),
    ("order.given", {"word": "close", "by": "ada", "verdict": "false-alarm", "why": "the probe was wrong"}),
    ("order.refused", {"word": "close", "by": "ada", "why": "INC-7K2F9X is closed already: repaired"}),
    ("login.tried", {"by": "ada", "access": "web-operator", "hosts": ["web1", "web2"]}),
    ("login.ended", {"access": "web-operator", "hosts": ["web1"], "failures": ["web2: it does not answer"]}),
    ("sign_in.accepted", {"by": "ben", "entity": "e-ben", "from": "private"}),
    ("sign_in.refused", {"why": "it was begun in another browser", "from": "public", "left_out": 0}),
    ("sign_in.ended", {"by": "ben", "entity": "e-ben", "from": "this machine"}),
    ("hold.set", {"scope": "host", "name": "web1", "by": "INC-7K2F9X", "reason": "isolate_host ran there"}),
    (
        "hold.lifted",
        {
            "scope": "host",
            "name": "web1",
            "by": "ada",
            "why": "it is clean",
            "set_by": "INC-7K2F9X",
            "since": "2026-11-22T03:12:09Z",
            "reason": "isolate_host ran there",
        },
    ),
    ("observed", {"would_have_run": "a.b.restart", "hosts": ["web1"]}),
    ("attempt.again", {"why": "it failed", "attempts_left": 1}),
    ("effect.interrupted", {"effect": "run-play"}),
    ("effect.postponed", {"effect": "open-grant", "why": "Vault is sealed"}),
    ("grant.not_minted", {"why": "Vault is sealed"}),
    ("grant.left_to_job", {"attempt": 1}),
    ("grant.not_proven_gone", {"accessor": ACCESSOR, "why": "Vault is sealed"}),
    (
        "grant.opened",
        {
            "access": "web-operator",
            "accessor": ACCESSOR,
            "expires_at": "2026-11-22T03:22:09Z",
            "time_box": "600",
            "reason": "nginx answers 502",
            "ticket": "OPS-4711",
        },
    ),
    ("escalation.begun", {"why": "it failed", "ladder": "on-call"}),
    ("escalation.delivered", {"channels": ["chat"], "rung": 1, "failed": []}),
    ("escalation.not_delivered", {"why": "chat: it is down", "rung": 1}),
    ("sender.refused", {"source": "alertmanager", "status": 401, "why": "The token is wrong."}),
    ("sender.truncated", {"source": "alertmanager", "alerts_left_out": 7}),
    ("runner.started", {"pid": 7, "policy_digest": DIGEST}),
    (
        "policy.loaded",
        {"policy_digest": DIGEST, "triggers": 3, "policy_commit": "7d0e1f2", "policy_author": "eve, 2026-11-25"},
    ),
    ("not_verified", {"why": "there is no up for instance=web1:9100 any more"}),
    ("policy.refused", {"why": "breakglass.yml:4: access: there is none of this name"}),
    ("runner.stopped", {"pid": 7}),
    ("heartbeat.failed", {"why": "the address answered 500.", "since": "2026-11-22T02:51:00+00:00"}),
    ("heartbeat.taken_again", {"beats": 4, "since": "2026-11-22T02:51:00+00:00"}),
    ("handler.started", {**TASK, "action": "ansible.builtin.service"}),
    ("task.result", {"task": "t-1", "host": "web1", "status": "failed", "changed": False, "rc": 1, "msg": "no answer"}),
    ("task.result", {"task": "t-1", "host": "web1", "status": "unreachable", "msg": {"text": "no", "size": 900}}),
    ("task.result", {"task": "t-1", "host": "web1", "status": "skipped", "skip_reason": "false"}),
    ("run.stopped", {"why": "the disk is full", "tasks_in_flight": "outcome unknown"}),
    ("run.died", {"why": "it was killed", "tasks_in_flight": "outcome unknown", "processes_left": 0}),
    ("credential.refused", {"credential": "ssh-1", "why": "permission denied"}),
    ("credential.renewed", {"credential": "ssh-1", **LIFE}),
    ("credential.not_renewed", {"credential": "ssh-1", "name": "ssh", "lives_until": "03:22:09", "why": "no"}),
    ("ledger.created", {}),
    ("stream.announced", {"stream": f"{DIRECTORY}/play-1.jsonl", "origin": f"{DIRECTORY}/play-1"}),
    ("stream.sealed", {"stream": f"{DIRECTORY}/play-1.jsonl", "size": 4, "root": DIGEST, "checkpoints": [4]}),
    ("stream.absent", {"stream": f"{DIRECTORY}/play-2.jsonl"}),
    ("stream.archived", {"stream": f"{DIRECTORY}/play-1.jsonl", "archive": "breakglass/ledger/0123456789abcdef"}),
    ("stream.recovered", {"size": 12, "sha256": DIGEST}),
    ("item.result", {"task": "t-1", "host": "web1", "status": "failed", "changed": False, "item": 2, "msg": "no"}),
    ("task.retried", {"task": "t-1", "host": "web1", "attempts": 1, "left": 2}),
    ("task.changed_files", {"task": "t-1", "host": "web1", "differences": [{"before": "a", "after": "b"}]}),
    ("tasks.included", {"file": "repair.yml", "host_count": 1, "hosts": ["web1"], "task": "t-1"}),
    ("async.polled", {"task": "t-1", "host": "web1", "job": "7"}),
    ("async.ended", {"task": "t-1", "host": "web1", "job": "7", "status": "ok"}),
    ("handler.notified", {"handler": "h-1", "name": "restart", "host": "web1"}),
    ("role.started", {"role": "breakglass.remediation.restart_service", "digest": DIGEST}),
    ("variable.asked", {"name": "reason"}),
    ("play.no_hosts_matched", {}),
    ("play.no_hosts_remaining", {}),
    ("grant.handed_out", {"by": "ada", "entity": "e-1", "recorded_session": False}),
    ("request.made", {**ALERT, "labels": {"person": "ada", "access": "db", "hosts": "db1", "reason": "it hangs"}}),
    ("request.over", {**ALERT, "labels": {}}),
    ("request.refused", {"person": "ada", "access": "db", "hosts": "db1", "why": "the policy does not offer it"}),
    ("ship.refused", {"sink": "siem", "why": "too long", "stream": DIRECTORY, "seq": 7, "record": "r#7"}),
    ("ship.unreadable", {"sink": "siem", "why": "no record", "stream": DIRECTORY, "seq": 7}),
    ("approval.asked", {"channels": ["chat"], "failed": [], "again": False}),
    ("plan.previewed", {"digest": DIGEST, "preview": DIGEST, "changes": 1, "why": "would change 1 thing"}),
    ("approval.not_asked", {"why": "chat: it did not take the message"}),
    (
        "approval.denied",
        {
            "by": "ben",
            "policy_line": "breakglass.yml:12",
            "digest": DIGEST,
            "entity": "e-ben",
            "groups": ["dba"],
            "why": "not now",
        },
    ),
    ("approval.refused", {"by": "ada", "yes": True, "why": "nobody approves themselves"}),
    ("review.given", {"incident": "INC-7K3M", "by": "cy", "verdict": "justified", "note": "it burned"}),
    ("override.used", {"by": "cy", "why": "nobody answered"}),
    ("never.heard.of", {"why": "a later version wrote it"}),
)


def a_record(kind: str, body: Mapping[str, JsonValue], seq: int = 1, origin: str = f"{DIRECTORY}/runner") -> Record:
    """One record; its place in the chain does not matter."""
    at = timestamp(NOW + timedelta(seconds=seq))
    return Record(origin=origin, seq=seq, id=f"{origin}#{seq}", at=at, kind=kind, body=body, previous=GENESIS)


def records_of(told: Iterable[tuple[str, dict[str, JsonValue]]], origin: str = f"{DIRECTORY}/runner") -> list[Record]:
    """These, a second after each other."""
    return [a_record(kind, body, seq, origin) for seq, (kind, body) in enumerate(told, 1)]


_SESSION: dict[str, JsonValue] = {"person": "ada", "entity": "e-1", "host": "web1", "user": "breakglass"}
OF_THE_SESSION: list[tuple[str, dict[str, JsonValue]]] = [
    (
        "session.opened",
        {
            **_SESSION,
            "access": "web-operator",
            "columns": 100,
            "rows": 30,
            "terminal": "xterm",
            "until": "",
            "command": "id",
        },
    ),
    ("session.output", {"seconds": 1.5, "channel": "out", "text": "uid=0(root)\r\n"}),
    ("session.resized", {"seconds": 2.0, "columns": 120, "rows": 40}),
    ("session.told", {"seconds": 3.0, "text": "*** breakglass: 1 minute left."}),
    ("session.continued", {"seconds": 3.5, "bytes": 13, "stream": f"{DIRECTORY}/session-2", "until": ""}),
    (
        "session.ended",
        {"seconds": 4.0, "bytes": 13, "why": "it came to its end", "proven": False, "left": "17 sleep", "status": 0},
    ),
]
"""A person's session on a host."""


def every_record() -> list[Record]:
    """At least one record of each kind."""
    return [
        *records_of(OF_THE_INCIDENT),
        *records_of(OF_THE_PLAY, f"{DIRECTORY}/play-1"),
        *records_of(OF_THE_CREDENTIALS, f"{DIRECTORY}/credentials-1"),
        *records_of(OF_THE_SESSION, f"{DIRECTORY}/session-1"),
        *records_of(TROUBLE, OPERATOR_RUN),
    ]


def spoilt(value: JsonValue, text: str) -> JsonValue:
    """The same shape with every text in it (keys too) replaced."""
    if isinstance(value, dict):
        return {f"{text}{number}": spoilt(item, text) for number, item in enumerate(value.values())}
    if isinstance(value, (list, tuple)):
        return [spoilt(item, text) for item in value]
    return text if isinstance(value, str) else value


def hostile_records(text: str) -> list[Record]:
    """Every record, with an outside text in every field, whole and shortened, and with fields of other types."""
    records = []
    for record in every_record():
        names = list(record.body)
        bodies: list[Mapping[str, JsonValue]] = [
            {name: spoilt(record.body[name], text) for name in names},
            {name: {"text": text, "size": 10_000, "sha256": DIGEST} for name in names},
            {name: [text, {"text": text}] for name in names},
            {name: {text: text} for name in names},
        ]
        records += [a_record(record.kind, body, record.seq, record.origin) for body in bodies]
    return records
