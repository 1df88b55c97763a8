# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident's records as lines that a person reads: what happened, in the order in which it happened."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Body = dict[str, object]
BOOKKEEPING = frozenset({"assert", "include_role", "include_tasks", "set_fact", "validate_argument_spec"})


@dataclass(frozen=True)
class Event:
    """One record of an incident."""

    at: datetime
    kind: str
    body: Mapping[str, object]
    stream: str


@dataclass(frozen=True)
class Line:
    """One line for people; `name` is its first word."""

    at: datetime
    name: str
    text: str


class Follower:
    """Reads an incident's streams as they grow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offsets: dict[Path, int] = {}

    def new_events(self) -> list[Event]:
        """What has come since the last call, by time."""
        events = [event for path in sorted(self._directory.glob("*.jsonl")) for event in self._read(path)]
        return sorted(events, key=lambda event: event.at)

    def _read(self, path: Path) -> Iterator[Event]:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offsets[path] = self._offsets.get(path, 0) + len(line)
                with suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    at = datetime.fromisoformat(record["at"]).astimezone(UTC)
                    yield Event(at, str(record["kind"]), dict(record["body"]), path.stem)


class Narrator:
    """Turns events into lines; remembers the names of tasks between their start and their result."""

    def __init__(self) -> None:
        self._tasks: dict[str, str] = {}
        self._quiet: set[str] = set()

    def tell(self, event: Event) -> Line | None:
        """The line for an event; None for one that people need not see."""
        if event.kind in ("task.started", "handler.started"):
            self._learn(str(event.body.get("task")), event.body)
            return None
        if event.kind == "task.result":
            return self._result(event)
        teller = _TELLERS.get(event.kind)
        told = teller(dict(event.body)) if teller else None
        return Line(event.at, *map(printable, told)) if told else None

    def _learn(self, task: str, body: Mapping[str, object]) -> None:
        self._tasks[task] = _plain(body.get("name")).removeprefix("breakglass.remediation.")
        if str(body.get("action")).removeprefix("ansible.builtin.") in BOOKKEEPING:
            self._quiet.add(task)

    def _result(self, event: Event) -> Line | None:
        body, status = event.body, str(event.body.get("status"))
        if status == "skipped" or (status == "ok" and str(body.get("task")) in self._quiet):
            return None
        if body.get("accessor"):
            text = f"opened, dies by itself at {_clock(body.get('expires_at'))}   accessor {_short(body['accessor'])}"
            return Line(event.at, "grant", printable(text))
        if body.get("serial"):
            hosts = ", ".join(_words(body.get("principals")))
            text = f"SSH certificate, principal {hosts}, until {_clock(body.get('valid_before'))}"
            return Line(event.at, "credential", printable(text))
        name = self._tasks.get(str(body.get("task")), "a task")
        word = "changed" if status == "ok" and body.get("changed") else status.upper() if status != "ok" else "ok"
        why = f": {_plain(body.get('msg'))}" if status in ("failed", "unreachable") else ""
        return Line(event.at, "remediate", printable(f"{name} {'.' * max(2, 56 - len(name))} {word}{why}"))


def _opened(body: Body) -> tuple[str, str]:
    return "incident", f"{body.get('trigger')} on {', '.join(_words(body.get('hosts'))) or 'no host'}"


def _alert(body: Body) -> tuple[str, str]:
    return "alert", f"{_plain(body.get('name'))}   stored, answered 202"


def _plan(body: Body) -> tuple[str, str]:
    hosts, minutes = ", ".join(_words(body.get("hosts"))), int(str(body.get("time_box_seconds", 0))) / 60
    role = str(body.get("remediation")).rpartition(".")[2]
    digest = str(body.get("digest"))
    return "plan", f"{role} on {hosts} · {body.get('access')} · {minutes:g}m   digest {digest[:4]} {digest[4:8]}"


def _observed(body: Body) -> tuple[str, str]:
    if why := _plain(body.get("would_not_have_run")):
        return "observed", f"would not have run: {why}"
    return "observed", f"would have run {_plain(body.get('would_have_run'))}"


def _revoked(body: Body) -> tuple[str, str]:
    remains = _plain(body.get("remains"))
    return "revoked", f"grant gone, proven{': ' + remains if remains else ''}"


_TELLERS: dict[str, Callable[[Body], tuple[str, str] | None]] = {
    "incident.opened": _opened,
    "alert.firing": _alert,
    "alert.resolved": lambda body: ("alert", f"{_plain(body.get('name'))} resolved"),
    "alert.refused": lambda body: ("refused", _plain(body.get("why"))),
    "limits.waiting": lambda body: ("waiting", _plain(body.get("why"))),
    "limits.refused": lambda body: ("refused", _plain(body.get("why"))),
    "plan.made": _plan,
    "approval.given": lambda body: ("approval", f"{body.get('by')} (policy {body.get('policy_line')})"),
    "observed": _observed,
    "grant.minted": lambda body: ("grant", f"minted, wrapped for one use   accessor {_short(body.get('accessor'))}"),
    "grant.not_minted": lambda body: ("grant", f"NOT OPENED: {_plain(body.get('why'))}"),
    "grant.revoked": _revoked,
    "grant.not_proven_gone": lambda body: ("closing", f"NOT PROVEN GONE: {_plain(body.get('why'))}"),
    "play.ended": lambda body: ("play", f"{body.get('outcome')}: {_plain(body.get('why'))}"),
    "attempt.again": lambda body: ("again", f"{body.get('attempts_left')} attempt left"),
    "verified": lambda body: ("verified", str(body.get("by"))),
    "escalation.begun": lambda body: ("escalated", f"to {body.get('ladder')}: {_plain(body.get('why'))}"),
    "escalation.delivered": lambda body: ("told", ", ".join(_words(body.get("channels")))),
    "escalation.not_delivered": lambda body: ("told", f"NOBODY YET: {_plain(body.get('why'))}"),
    "incident.closed": lambda body: ("closed", f"{body.get('result')} in {float(str(body.get('seconds', 0))):.1f} s"),
}


def _plain(value: object) -> str:
    return str(value.get("text", "")) if isinstance(value, dict) else str(value or "")


def _words(value: object) -> list[str]:
    return [_plain(item) for item in value] if isinstance(value, list) else []


def _short(accessor: object) -> str:
    text = _plain(accessor)
    return f"{text[:4]}…{text[-2:]}"


def _clock(moment: object) -> str:
    text = str(moment)
    return text[11:19] if len(text) > 18 else text  # noqa: PLR2004 (HH:MM:SS of an RFC 3339 text)
