# SPDX-License-Identifier: GPL-3.0-or-later
"""Real journals with the streams that a test wants, written by the journal's own code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from tests.support.incidents import NOW
from tests.support.journal_records import DIRECTORY, OF_THE_CREDENTIALS, OF_THE_INCIDENT, OF_THE_PLAY, OPERATOR_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import JsonValue

DIED: tuple[tuple[str, dict[str, JsonValue]], ...] = (
    (
        "run.started",
        {
            "user": "ada",
            "uid": 1000,
            "controller": "bastion",
            "door": "ansible-playbook",
            "playbook": "restart.yml",
            "check_mode": False,
            "ansible_core": "2.19.14",
            "collection": "0.1.0",
        },
    ),
    (
        "grant.opened",
        {
            "access": "web-operator",
            "accessor": "c1Pzabcdefghij0a",
            "expires_at": "2026-11-22T04:22:10Z",
            "time_box": "600",
            "reason": "nginx answers 502",
            "ticket": "OPS-4711",
        },
    ),
    ("task.started", {"task": "t-9", "name": "Restart nginx", "action": "ansible.builtin.service"}),
    ("task.intent", {"task": "t-9", "name": "Restart nginx", "action": "ansible.builtin.service", "host": "web2"}),
    ("run.died", {"why": "its process was killed", "tasks_in_flight": "outcome unknown", "processes_left": 0}),
    ("grant.not_proven_gone", {"accessor": "c1Pzabcdefghij0a", "why": "Vault is sealed"}),
)
"""An operator's run that was killed in the middle of a task, and whose grant is not proven gone."""


def write_stream(
    journal: Path,
    origin: str,
    told: Iterable[tuple[str, dict[str, JsonValue]]],
    start: datetime = NOW,
    every: timedelta = timedelta(seconds=1),
) -> None:
    """Announce a stream and write these records, a second after each other."""
    ledger = Ledger.create_if_absent(journal)
    path = journal / f"{origin}.jsonl"
    ledger.announce(path.relative_to(journal), origin)
    with Stream.create(path, origin) as stream:
        for number, (kind, body) in enumerate(told):
            stream.append(kind, body, at=start + number * every)


def append(journal: Path, origin: str, kind: str, body: dict[str, JsonValue], at: datetime) -> None:
    """Write one more record into a stream that is there."""
    with Stream.resume(journal / f"{origin}.jsonl", origin, lambda: at) as stream:
        stream.append(kind, body, at=at)


def write_example(journal: Path) -> Path:
    """Write a journal with one repaired incident and one operator's run that died; returns it."""
    write_stream(journal, f"{DIRECTORY}/runner", OF_THE_INCIDENT)
    write_stream(journal, f"{DIRECTORY}/play-1", OF_THE_PLAY, NOW + timedelta(seconds=8.2), timedelta(milliseconds=50))
    write_stream(
        journal,
        f"{DIRECTORY}/credentials-1",
        OF_THE_CREDENTIALS,
        NOW + timedelta(seconds=8.3),
        timedelta(milliseconds=9),
    )
    write_stream(journal, OPERATOR_RUN, DIED, NOW + timedelta(hours=1))
    write_stream(journal, "2026/11/22/runner", [("runner.started", {"pid": 7, "policy_digest": "4be190aa" * 8})])
    return journal
