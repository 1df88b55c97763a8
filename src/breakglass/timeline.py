# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of an incident or a run as events, and what is told of them as lines: read as they grow, shown in a terminal."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

LONG = timedelta(hours=2)


@dataclass(frozen=True)
class Event:
    """One record."""

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


def step_object(event: Event, line: Line) -> dict[str, str]:
    """One step for programs, the same whether it is read from a journal here or sent by a runner; whose it is stands before it."""
    at = line.at.isoformat()
    return {"at": at, "kind": event.kind, "stream": event.stream, "name": line.name, "text": line.text}


def shown(line: Line, began: datetime) -> str:
    """A line as it stands in a terminal: the time since the beginning, the first word, the text."""
    return f"   {_since(line.at - began):<9}  {line.name:<11} {line.text}"


def _since(span: timedelta) -> str:
    if abs(span) < LONG:
        return f"+{span.total_seconds():6.3f} s"
    return f"+{str(span).partition('.')[0]}"


def event_of(record: Record) -> Event:
    """The event that a record tells."""
    at = datetime.fromisoformat(record.at).astimezone(UTC)
    return Event(at, record.kind, record.body, record.origin.rpartition("/")[2])


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
