# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields of a task and of its result are recorded: an allow-list. Arguments, output and facts never are.

Values of our own modules are named here one by one; they say what was obtained and until when, and hold no secret.
The message of a failure is recorded without the values of arguments that it quotes, and that of an exception not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

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
    "grant": ("access", "accessor", "expires_at", "time_box", "vault_display_name"),
    "ssh_certificate": ("serial", "principals", "key_id", "valid_before"),
}


class Task(Protocol):
    """What is read of Ansible's task."""

    _uuid: str
    action: str
    no_log: bool
    check_mode: bool

    def get_name(self) -> str:
        """Role and name, templated as far as Ansible has."""
        ...

    def get_path(self) -> str:
        """File and line."""
        ...


def task_fields(task: Task, redactor: Redactor) -> dict[str, object]:
    """What is recorded of a task before it runs."""
    name = "(no_log)" if task.no_log else redactor.field(task.get_name().strip(), TEXT_LIMIT)
    return {"task": task._uuid, "name": name, "action": task.action}  # noqa: SLF001 (Ansible has no other identity)


def result_fields(action: str, result: Mapping[str, object], redactor: Redactor) -> dict[str, object]:
    """What is recorded of a task's result."""
    fields: dict[str, object] = {"changed": bool(result.get("changed"))}
    if result.get("_ansible_no_log") or "censored" in result:
        return {**fields, "no_log": True}
    for name in ("rc", "attempts"):
        if isinstance(value := result.get(name), int):
            fields[name] = value
    went_wrong = bool(result.get("failed") or result.get("unreachable"))
    if went_wrong and (message := result.get("msg")):
        fields["msg"] = redactor.field(_without_arguments(str(message), result), TEXT_LIMIT)
    if reason := result.get("skip_reason"):
        fields["skip_reason"] = redactor.field(str(reason), TEXT_LIMIT)
    for name in OF_OUR_MODULES.get(action.removeprefix(PREFIX), ()):
        if name in result:
            fields[name] = _plain(result[name], redactor)
    return fields


def _without_arguments(message: str, result: Mapping[str, object]) -> str:
    before, raised, _ = message.partition(RAISED)
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


def _plain(value: object, redactor: Redactor) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item, redactor) for item in value]
    return value if isinstance(value, (bool, int)) else redactor.field(str(value), TEXT_LIMIT)
