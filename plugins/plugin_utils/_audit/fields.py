# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields of a task and of its result are recorded: an allow-list. Arguments, output and facts never are.

Values of our own modules are named here one by one; they say what was obtained and until when, and hold no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.redaction import Redactor

TEXT_LIMIT = 500
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
    for name in ("msg", "skip_reason"):
        if value := result.get(name):
            fields[name] = redactor.field(str(value), TEXT_LIMIT)
    for name in OF_OUR_MODULES.get(action.removeprefix(PREFIX), ()):
        if name in result:
            fields[name] = _plain(result[name], redactor)
    return fields


def _plain(value: object, redactor: Redactor) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item, redactor) for item in value]
    return value if isinstance(value, (bool, int)) else redactor.field(str(value), TEXT_LIMIT)
