# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play's stream tells: which task failed and why, which hosts were reached."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SPEAKING = frozenset({"fail", "assert"})  # their message is the role's own sentence
MOST_EVIDENCE = 20


@dataclass
class PlayStory:
    """The gist of one play.

    Attributes:
        failure: Of the last task that failed, a sentence; empty if none did.
        hosts: What Ansible counted for each host at the end; empty if the play did not come to its end.
        reached: Hosts that a task was begun for.
        evidence: Where the remediation has kept how it found its hosts, one sentence for each.
    """

    failure: str = ""
    hosts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    evidence: list[str] = field(default_factory=list)


def read_story(path: Path) -> PlayStory:
    """Read a play's stream as far as it goes; a missing one tells an empty story."""
    story = PlayStory()
    tasks: dict[str, tuple[str, str]] = {}
    for kind, body in records_of(path):
        if kind in ("task.intent", "task.result") and (host := text_of(body.get("host"))):
            story.reached.add(host)
        if kind in ("task.started", "handler.started"):
            name = text_of(body.get("name")).removeprefix("breakglass.remediation.")
            tasks[str(body.get("task"))] = (name, str(body.get("action")))
        elif kind == "task.result":
            _take_result(story, tasks, body)
        elif kind == "run.ended" and isinstance(hosts := body.get("hosts"), dict):
            story.hosts = hosts
    return story


def _take_result(story: PlayStory, tasks: Mapping[str, tuple[str, str]], body: Mapping[str, object]) -> None:
    kept, digest = text_of(body.get("path")), text_of(body.get("sha256"))
    if kept and digest and len(story.evidence) < MOST_EVIDENCE:
        story.evidence.append(f"{text_of(body.get('host'))}: {kept}, SHA-256 {digest[:8]}…")
    if body.get("status") in ("failed", "unreachable"):
        name, action = tasks.get(str(body.get("task")), ("a task", ""))
        host, why = body.get("host"), text_of(body.get("msg")) or "no reason given"
        said = action.removeprefix("ansible.builtin.") in SPEAKING
        story.failure = f"{host}: {why}" if said else f"{host}: {name} {body['status']}: {why}"
        if advice := text_of(body.get("advice")):  # it names the host, and what it did not accept
            story.failure = advice


def text_of(value: object) -> str:
    """A field of a record: a text, or the beginning of a long one."""
    return str(value.get("text", "")) if isinstance(value, dict) else str(value or "")


def records_of(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Kind and body of each record of a stream, as far as it can be read."""
    with suppress(OSError, ValueError):
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("body"), dict):
                return
            yield str(record.get("kind")), record["body"]
