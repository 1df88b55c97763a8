# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields of a result are recorded: an allow-list. Arguments, output and facts never are.

Values of our own modules are named here one by one; they say what was obtained and until when, and hold no secret.
The message of a failure is recorded without the values of arguments that it quotes, and that of an exception not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._journal.canonical import MAX_INTEGER

if TYPE_CHECKING:
    from .._journal.redaction import Redactor

TEXT_LIMIT = 500
SHORTEST_ARGUMENT = 8
"""Characters: shorter values of arguments are words that a message needs, as the name of a service."""
ARGUMENT = "[argument]"
RAISED = "Module failed: "
"""Begins the text of an exception in the message of a module that crashed, since ansible-core 2.19."""
PREFIX = "breakglass.remediation."
OF_OUR_MODULES: dict[str, tuple[str, ...]] = {
    "account_lock": ("taken", "told"),
    "evidence": ("path", "sha256", "size"),
    "grant": ("access", "accessor", "expires_at", "time_box", "proven"),
    "ssh_certificate": ("serial", "principals", "key_id", "valid_after", "valid_before"),
    "disk_space": ("used_before", "used", "freed", "freed_bytes", "freed_files", "left"),
    "database_sessions": (
        *("running", "answers", "connections_ordinary", "connections_free", "over_limit"),
        *("sessions_ended", "sessions_left", "pool_works"),
    ),
    "database_credential": ("name", "username", "expires_at", "lease_id"),
    "pki_certificate": ("name", "serial", "common_name", "expires_at", "lease_id"),
    "quarantine": ("isolated", "controllers", "ssh_port", "rules_sha256", "others_changed"),
    "rotation": ("name", "rotated", "since", "version"),
    "runaway_processes": ("ended", "killed", "limits_not_held", "available", "enough"),
    "secret_file": ("name", "version", "expires_at", "lease_id"),
    "secret_users": ("unread",),
    "host_state": ("boot_id", "system", "failed_units", "inactive_units", "locks", "up_seconds"),
    "known_good_config": ("healthy", "refused_at", "source", "proven", "changes", "kept"),
    "login_probe": ("verdict", "reason"),
    "tls_certificate": ("file_fault", "file_serial", "file_expires_at", "wire_fault", "wire_serial", "wire_expires_at"),
    "tls_pair": ("serial", "expires_at", "paths"),
}


def result_fields(
    action: str, result: Mapping[str, object], redactor: Redactor, *, failed: bool | None = None
) -> dict[str, object]:
    """What is recorded of a task's result, or of one item's; `failed` where Ansible says another thing than the result."""
    fields: dict[str, object] = {"changed": bool(result.get("changed"))}
    if is_hidden(result):
        return {**fields, "no_log": True}
    for name in ("rc", "attempts"):
        if name in result and (value := whole(result[name])) is not None:
            fields[name] = value
    if isinstance(items := result.get("results"), (list, tuple)):
        fields["items"] = len(items)
    went_wrong = result.get("failed") if failed is None else failed
    if (went_wrong or result.get("unreachable")) and (message := result.get("msg")):
        fields["msg"] = redactor.field(_without_arguments(str(message), result), TEXT_LIMIT)
    if reason := result.get("skip_reason"):
        fields["skip_reason"] = redactor.field(str(reason), TEXT_LIMIT)
    for name in OF_OUR_MODULES.get(action.removeprefix(PREFIX), ()):
        if name in result:
            fields[name] = _value(result[name], redactor)
    return fields


def is_hidden(result: Mapping[str, object]) -> bool:
    """Whether Ansible says that nothing of this result is to be shown."""
    return bool(result.get("_ansible_no_log")) or "censored" in result


def plain(text: object) -> str:
    """A text of Ansible's, which may be of a type of its own, as a plain one."""
    return str.__str__(text) if isinstance(text, str) else str(text)


def whole(value: object) -> int | None:
    """A whole number that a record can hold; None for everything else."""
    return int(value) if isinstance(value, int) and abs(value) <= MAX_INTEGER else None


def _without_arguments(message: str, result: Mapping[str, object]) -> str:
    before, raised, _rest = message.partition(RAISED)
    if raised:
        return f"{before}{RAISED}it raised an exception, whose text is not recorded."
    invocation = result.get("invocation")
    arguments = _texts(invocation.get("module_args")) if isinstance(invocation, Mapping) else set()
    for argument in sorted(arguments, key=len, reverse=True):
        message = message.replace(argument, ARGUMENT)
    return message


def _texts(value: object) -> set[str]:
    if isinstance(value, str):
        return {value} if len(value) >= SHORTEST_ARGUMENT else set()
    if isinstance(value, Mapping):
        value = list(value.values())
    return set().union(*map(_texts, value)) if isinstance(value, (list, tuple)) else set()


def _value(value: object, redactor: Redactor) -> object:
    if isinstance(value, (list, tuple)):
        return [_value(item, redactor) for item in value]
    if isinstance(value, bool):
        return value
    number = whole(value)
    return redactor.field(str(value), TEXT_LIMIT) if number is None else number
