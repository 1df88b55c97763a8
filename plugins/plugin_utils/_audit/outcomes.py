# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of Ansible's result objects, whose shape has changed from core to core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .fields import TEXT_LIMIT, is_hidden, plain, result_fields, whole

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._journal.redaction import Redactor
    from .tasks import Task

WRONG = frozenset({"failed", "ignored", "unreachable"})
JOB = "ansible_job_id"


class Outcome:
    """One result of one task on one host.

    Attributes:
        task: Ansible's task.
        values: What the task returned; empty where that is no mapping.
        is_hidden: Whether nothing of it is to be shown.
    """

    def __init__(self, result: object, redactor: Redactor) -> None:
        """Read what every record of a result needs; a result without task or host is refused with AttributeError."""
        self.task: Task = _part(result, "task")  # type: ignore[assignment]  # Ansible's own
        self._host = plain(_part(result, "host").get_name())  # type: ignore[attr-defined]
        values = _part(result, "result")
        self._odd = "" if isinstance(values, Mapping) else type(values).__name__
        self.values: Mapping[str, object] = values if isinstance(values, Mapping) else {}
        self.is_hidden = bool(self.task.no_log) or is_hidden(self.values)  # asked once: Ansible's attributes are slow
        self._redactor = redactor
        self._result = result

    @property
    def message(self) -> str:
        """What Ansible says of a host that it did not reach, as it came; empty where nothing of it is to be shown."""
        return "" if self.is_hidden else plain(self.values.get("msg") or "")

    @property
    def where(self) -> str:
        """The host that was to be reached."""
        return self._delegated_to() or self._host

    @property
    def key(self) -> tuple[str, str]:
        """Task and host."""
        return plain(self.task._uuid), self._host  # noqa: SLF001 (its only identity)

    def identity(self) -> dict[str, object]:
        """Which task on which host."""
        return {"task": self.key[0], "host": self._redactor.field(self._host, TEXT_LIMIT)}

    def fields(self, status: str) -> dict[str, object]:
        """What is recorded of a task's or an item's result. What can't be read is left out, and said."""
        body = self.identity()
        body["status"] = status
        try:
            if self.is_hidden:
                body["changed"], body["no_log"] = bool(self.values.get("changed")), True
            else:  # Ansible takes the word "failed" out of the result where it has dealt with the failure
                body |= result_fields(plain(self.task.action), self.values, self._redactor, failed=status in WRONG)
        except Exception as error:  # noqa: BLE001 (a module may return whatever it likes; that it ended is known)
            return {**body, "changed": bool(self.values.get("changed") is True), "unreadable": type(error).__name__}
        if not self.is_hidden and (there := self._delegated_to()):
            body["delegated_to"] = self._redactor.field(there, TEXT_LIMIT)
        if status == "unreachable" and getattr(self.task, "ignore_unreachable", None) is True:
            body["ignored"] = True
        return {**body, "unreadable": self._odd} if self._odd else body

    def _delegated_to(self) -> str:
        """The host that a delegated task acted on; until ansible-core 2.20 only the task's own fields still know it."""
        if not getattr(self.task, "delegate_to", None):
            return ""
        told = self.values.get("_ansible_delegated_vars")
        host = told.get("ansible_delegated_host") if isinstance(told, Mapping) else None
        if host is None:
            older = getattr(self._result, "_task_fields", None)  # a copy at each access, in some cores
            host = older.get("delegate_to") if isinstance(older, Mapping) else None
        return plain(host) if host else ""

    def label(self) -> JsonValue:
        """What the author of a loop has chosen to show of an item. The item itself is an argument: not recorded."""
        control = getattr(self.task, "loop_control", None)
        if self.is_hidden or not getattr(control, "label", None):
            return None
        label = self.values.get("_ansible_item_label")
        return self._redactor.field(plain(label), TEXT_LIMIT) if isinstance(label, (str, int)) else None

    def retry(self) -> dict[str, object]:
        """Which attempt has failed, and how many are left."""
        done, most = whole(self.values.get("attempts")), whole(self.values.get("retries"))
        body = self.identity()
        if done is not None:
            body["attempts"] = done
            if most is not None:
                body["left"] = most - done
        return body

    def job(self) -> dict[str, object]:
        """Which job of Ansible's own goes on, or has ended, on the host."""
        body = self.identity()
        if not self.is_hidden and (job := self.values.get(JOB)):
            body["job"] = self._redactor.field(plain(job), TEXT_LIMIT)
        return body


def _part(result: object, name: str) -> object:
    """The public attribute of newer cores, or the older one."""
    try:
        return getattr(result, name)
    except AttributeError:
        return getattr(result, f"_{name}")
