# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a run: what the callback, or the guard after the run's death, writes into `play-N`."""

from __future__ import annotations

from .shapes import (
    COMMIT,
    COUNT,
    DIGEST,
    FIELD,
    FIELDS,
    FINDING,
    MOMENT,
    TEXT,
    TEXTS,
    TRUTH,
    WHOLE,
    Kind,
    Shape,
    entries,
    one_of,
)

_TASK: dict[str, Shape] = {"task": TEXT, "name": FIELD, "action": TEXT}
_ON: dict[str, Shape] = {"task": TEXT, "host": FIELD}
_HOSTS: dict[str, Shape] = {"hosts": TEXTS, "host_count": COUNT}
_WHERE: dict[str, Shape] = {"delegate_to": FIELD, "check_mode": TRUTH}
_COUNTS = entries({"type": "integer", "minimum": 0})
_ANNOUNCED: dict[str, Shape] = {
    **_WHERE,
    "run_once": TRUTH,
    "ignore_errors": TRUTH,
    "ignore_unreachable": TRUTH,
    "become": TRUTH,
    "no_log": TRUTH,
    "loop": TRUTH,
    "async": WHOLE,
    "poll": WHOLE,
    "retries": WHOLE,
    "role": FIELD,
    "part": one_of("block", "rescue", "always"),
    "source": FIELD,
    "meta": TEXT,
}
_RESULT: dict[str, Shape] = {
    "no_log": TRUTH,
    "rc": WHOLE,
    "attempts": WHOLE,
    "items": COUNT,
    "delegated_to": FIELD,
    "msg": FIELD,
    "advice": FIELD,
    "skip_reason": FIELD,
    "ignored": TRUTH,
    "unreadable": TEXT,
}
_OBTAINED: dict[str, Shape] = {
    "access": FIELD,
    "accessor": FIELD,
    "time_box": WHOLE,
    "expires_at": FIELD,
    "proven": TRUTH,
    "name": FIELD,
    "username": FIELD,
    "lease_id": FIELD,
    "serial": {"anyOf": [FIELD, WHOLE]},
    "principals": FIELDS,
    "key_id": FIELD,
    "valid_after": FIELD,
    "valid_before": FIELD,
    "common_name": FIELD,
    "version": {"anyOf": [FIELD, WHOLE]},
    "isolated": TRUTH,
    "controllers": FIELDS,
    "ssh_port": WHOLE,
    "rules_sha256": FIELD,
    "others_changed": TRUTH,
    "taken": FIELDS,
    "told": FIELDS,
}
_FOUND: dict[str, Shape] = dict.fromkeys(
    (
        "answers",
        "available",
        "boot_id",
        "changes",
        "connections_free",
        "connections_ordinary",
        "ended",
        "enough",
        "failed_units",
        "file_expires_at",
        "file_fault",
        "file_serial",
        "freed",
        "freed_bytes",
        "freed_files",
        "healthy",
        "inactive_units",
        "kept",
        "killed",
        "left",
        "limits_not_held",
        "locks",
        "over_limit",
        "path",
        "paths",
        "pool_works",
        "reason",
        "refused_at",
        "rotated",
        "running",
        "sessions_ended",
        "sessions_left",
        "sha256",
        "since",
        "size",
        "source",
        "system",
        "unread",
        "up_seconds",
        "used",
        "used_before",
        "verdict",
        "wire_expires_at",
        "wire_fault",
        "wire_serial",
    ),
    FINDING,
)
"""What our modules report of hosts, numbers and names; each stands in `OF_OUR_MODULES` of `_audit/fields.py`."""
_STATUS: dict[str, Shape] = {"status": one_of("ok", "failed", "ignored", "unreachable", "skipped"), "changed": TRUTH}

PLAY: dict[str, Kind] = {
    "run.started": Kind(
        "A run of Ansible begins: who runs what, where.",
        {
            "user": TEXT,
            "uid": COUNT,
            "controller": TEXT,
            "check_mode": TRUTH,
            "ansible_core": TEXT,
            "collection": TEXT,
            "door": one_of("ansible", "ansible-playbook", "awx", "runner"),
        },
        {
            "incident": TEXT,
            "attempt": TEXT,
            "plan_digest": DIGEST,
            "accessor": TEXT,
            "login_uid": COUNT,
            "playbook": FIELD,
            "playbook_digest": DIGEST,
            "commit": COMMIT,
            "diff_mode": TRUTH,
            "limit": FIELD,
            "tags": FIELD,
            "skip_tags": FIELD,
        },
    ),
    "play.started": Kind(
        "A play begins, or the next of its serial batches.",
        {"play": FIELD, "batch": {"type": "integer", "minimum": 1}},
        {**_HOSTS, "id": TEXT, "strategy": FIELD, "serial": TEXTS, "check_mode": TRUTH, "become": TRUTH},
    ),
    "play.no_hosts_matched": Kind("No host matches the pattern of the play that began last."),
    "play.no_hosts_remaining": Kind("No host is left in the play."),
    "variable.asked": Kind("A play asks the operator for a variable, whose value is not recorded.", {"name": FIELD}),
    "role.started": Kind(
        "The first task of a role is about to start.", {"role": FIELD}, {"digest": DIGEST, "unreadable": TEXT}
    ),
    "task.started": Kind("A task is announced; a meta task in no other way than this.", _TASK, _ANNOUNCED),
    "handler.started": Kind("A handler is announced.", _TASK, _ANNOUNCED),
    "handler.notified": Kind(
        "A task has told a handler to run on a host.", {"handler": TEXT, "name": FIELD, "host": FIELD}
    ),
    "tasks.included": Kind(
        "A file of tasks, or a role, was included for some hosts.", _HOSTS, {"task": TEXT, "file": FIELD, "role": FIELD}
    ),
    "task.intent": Kind(
        "A task is about to start on a host; on the disk before it does.",
        {**_TASK, "host": FIELD},
        {**_WHERE, "grant": TEXT, "credentials": TEXTS},
    ),
    "task.result": Kind("A task has ended on a host.", {**_ON, **_STATUS}, {**_RESULT, **_OBTAINED, **_FOUND}),
    "item.result": Kind(
        "A task has ended for one item of its loop.",
        {**_ON, **_STATUS, "item": {"type": "integer", "minimum": 1}},
        {**_RESULT, **_OBTAINED, **_FOUND, "label": FIELD},
    ),
    "task.retried": Kind("An attempt has failed, and another one follows.", _ON, {"attempts": WHOLE, "left": WHOLE}),
    "task.changed_files": Kind(
        "What a task changed in files, or would change; only where BREAKGLASS_AUDIT_DIFF=1 asks for it.",
        {**_ON, "differences": FIELDS},
    ),
    "async.polled": Kind("An asynchronous job goes on.", _ON, {"job": FIELD}),
    "async.ended": Kind("An asynchronous job has ended.", {**_ON, "status": one_of("ok", "failed")}, {"job": FIELD}),
    "run.ended": Kind("Ansible has come to the end; what it counted for each host.", {"hosts": entries(_COUNTS)}),
    "run.stopped": Kind("The run ends in the middle of its tasks.", {"why": TEXT, "tasks_in_flight": TEXT}),
    "run.died": Kind("The guard found Ansible dead.", {"why": TEXT, "tasks_in_flight": TEXT, "processes_left": COUNT}),
    "grant.opened": Kind(
        "A task has opened the run's grant.",
        {"access": FIELD, "accessor": FIELD, "expires_at": FIELD, "time_box": FIELD},
        {"reason": FIELD, "ticket": FIELD, "vault_entity": FIELD, "vault_login": FIELD},
    ),
}

OF_GRANTS: dict[str, Kind] = {
    "grant.revoked": Kind(
        "The grant is proven gone; what outlives it, and until when.",
        {"accessor": TEXT, "proven": {"const": True}, "remains": {"anyOf": [FIELD, TEXTS]}},
        {"by": TEXT, "at": MOMENT, "leases": COUNT},
    ),
    "grant.not_proven_gone": Kind(
        "Nobody could prove the grant gone yet.", {"why": FIELD}, {"accessor": TEXT, "proven": TRUTH}
    ),
}
