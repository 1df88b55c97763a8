# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case says of the work on hosts: results, changes, failures, and what nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from breakglass.report.case import Case
    from breakglass.timeline import Event, Line

OWN = "breakglass.remediation."


def take_tasks(case: Case, events: Sequence[Event]) -> None:
    """Take what was done on hosts."""
    names: dict[str, str] = {}
    ours: set[str] = set()
    for event in events:
        task = plain(event.body.get("task"))
        if event.kind in ("task.started", "handler.started", "task.intent"):
            names[task] = plain(event.body.get("name")).removeprefix(OWN)
            if plain(event.body.get("action")).startswith(OWN):
                ours.add(task)
        elif event.kind == "task.result":
            _take_result(case, event.body, names.get(task, "a task"))
            if event.body.get("changed") is True and task not in ours:  # ours change nothing on a host
                case.tasks.changes.append((plain(event.body.get("host")), names.get(task, "a task")))


def hosts_of(events: Sequence[Event]) -> tuple[str, ...]:
    """The hosts that something was to be done on, in a run whose plan nobody recorded."""
    kinds = ("task.intent", "task.result")
    return tuple(sorted({plain(event.body.get("host")) for event in events if event.kind in kinds}))


def _take_result(case: Case, body: Mapping[str, object], name: str) -> None:
    status, host, tasks = plain(body.get("status")), plain(body.get("host")), case.tasks
    tasks.counts[status] = tasks.counts.get(status, 0) + 1
    if status in ("failed", "unreachable"):
        tasks.failures.append((host, name, plain(body.get("advice")) or plain(body.get("msg"))))


def take_unknown(case: Case, unfinished: Sequence[tuple[Event, Line]]) -> None:
    """Take what was begun and has no result."""
    for event, line in unfinished:
        if event.kind != "task.intent":
            case.unknown.append(line.text)
            continue
        host, name = plain(event.body.get("host")), plain(event.body.get("name")).removeprefix(OWN)
        case.tasks.unknown.append((host, name))
        case.unknown.append(f"task {name} on {host}")
