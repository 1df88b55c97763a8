# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a play and of a task before they run: an allow-list. Arguments, variables and environment never are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from .fields import TEXT_LIMIT, plain, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .._journal.redaction import Redactor

META = frozenset({"meta", "ansible.builtin.meta", "ansible.legacy.meta"})
"""Actions that Ansible does itself: nothing but their start is ever announced."""
META_WORDS = frozenset(
    {
        "clear_facts",
        "clear_host_errors",
        "end_batch",
        "end_host",
        "end_play",
        "end_role",
        "flush_handlers",
        "noop",
        "refresh_inventory",
        "reset_connection",
        "role_complete",
    }
)
FLAGS = ("run_once", "ignore_errors", "ignore_unreachable", "check_mode", "become")
NUMBERS = ("poll", "retries")
OF_INTENTS = ("task", "name", "action", "delegate_to", "check_mode")
MOST_HOSTS = 200
"""Names of hosts that one record lists; how many there are stands beside them."""
HIDDEN = "(no_log)"
SOURCE_LIMIT = 200


class Task(Protocol):
    """What is read of Ansible's task; which other attributes it has depends on its kind."""

    _uuid: str
    action: str
    no_log: bool

    def get_name(self) -> str:
        """Role and name, templated as far as Ansible has."""

    def get_path(self) -> str:
        """File and line."""


def task_fields(task: Task, redactor: Redactor) -> dict[str, object]:
    """Which task it is."""
    name = HIDDEN if task.no_log else redactor.field(task.get_name().strip(), TEXT_LIMIT)
    return {"task": plain(task._uuid), "name": name, "action": plain(task.action)}  # noqa: SLF001 (its only identity)


def intent_fields(announced: Mapping[str, object]) -> dict[str, object]:
    """Of what was announced: which task it is, and what decides where and how really it acts."""
    return {name: announced[name] for name in OF_INTENTS if name in announced}


def announced_fields(task: Task, redactor: Redactor) -> dict[str, object]:
    """Which task it is, where it comes from, and how it is to be run."""
    fields = task_fields(task, redactor)
    if delegate := getattr(task, "delegate_to", None):
        fields["delegate_to"] = HIDDEN if task.no_log else redactor.field(str(delegate), SOURCE_LIMIT)
    fields |= {name: True for name in FLAGS if getattr(task, name, None) is True}
    if task.no_log:
        fields["no_log"] = True
    if seconds := _number(getattr(task, "async_val", None)):
        fields["async"] = seconds
    for name in NUMBERS if seconds or getattr(task, "until", None) else ():
        if (number := _number(getattr(task, name, None))) is not None:
            fields[name] = number
    if getattr(task, "loop", None) is not None or getattr(task, "loop_with", None):
        fields["loop"] = True
    if (role := getattr(task, "_role", None)) is not None:
        fields["role"] = redactor.field(role_name(role), SOURCE_LIMIT)
    if part := block_part(task):
        fields["part"] = part
    if source := str(task.get_path() or "").rpartition("/")[2]:
        fields["source"] = redactor.field(source, SOURCE_LIMIT)
    if task.action in META and (word := _meta_word(task)):
        fields["meta"] = word
    return fields


def block_part(task: object) -> str:
    """`block`, `rescue` or `always`: the part of the innermost block with such parts in which the task stands, or empty."""
    for child, block in _ancestry(task):
        own = getattr(child, "_uuid", None)
        for part in ("rescue", "always"):
            if any(getattr(one, "_uuid", None) == own for one in getattr(block, part, None) or ()):
                return part
        if getattr(block, "rescue", None) or getattr(block, "always", None):
            return "block"
    return ""


def role_name(role: object) -> str:
    """The full name of a task's role."""
    name = getattr(role, "get_name", None)
    return str(name()) if callable(name) else str(role)


def hosts_of(names: Sequence[str], redactor: Redactor) -> dict[str, object]:
    """How many hosts, and the names of the first ones."""
    return {"hosts": [redactor.mask(str(name))[:SOURCE_LIMIT] for name in names[:MOST_HOSTS]], "host_count": len(names)}


def _ancestry(task: object) -> Iterator[tuple[object, object]]:
    child, parent = task, getattr(task, "_parent", None)
    for _level in range(64):
        if parent is None:
            return
        yield child, parent
        child, parent = parent, getattr(parent, "_parent", None)


def _number(value: object) -> int | None:
    return None if isinstance(value, bool) else whole(value)


def _meta_word(task: Task) -> str:
    arguments = getattr(task, "args", None)
    word = arguments.get("_raw_params") if isinstance(arguments, Mapping) else None
    return plain(word) if isinstance(word, str) and word in META_WORDS else ""
