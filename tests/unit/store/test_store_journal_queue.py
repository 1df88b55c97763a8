# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import make_alert, make_course

from breakglass.domain.draft import Decision, Note
from breakglass.domain.incident import State
from breakglass.journal import Journal
from breakglass.store.inbox import Arrival
from breakglass.store.journal_queue import JournalQueue, Queued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents

STREAM = "2026/11/22/INC-A/runner"


def commit(incidents: Incidents, *kinds: str, state: State = State.WAITING) -> None:
    """Take the incident one decision further, with these records."""
    claimed = incidents.claim()
    assert claimed is not None
    notes = tuple(Note(kind, {"number": number}) for number, kind in enumerate(kinds))
    incidents.commit(claimed, Decision(replace(claimed.incident, state=state), notes, claimed.at), STREAM)


def open_incident(incidents: Incidents) -> None:
    incidents.accept([Arrival(make_alert(), make_course(), "INC-A")])


def recorded(directory: Path, stream: str = STREAM) -> list[str]:
    path = directory / f"{stream}.jsonl"
    return [json.loads(line)["kind"] for line in path.read_bytes().splitlines()] if path.exists() else []


class Crash(BaseException):
    """The process is gone."""


class CrashingQueue(JournalQueue):
    """The real queue of a process that dies at the moment in which the records stand in their stream."""

    def written(self, seqs: Sequence[int]) -> None:
        raise Crash


def test_records_come_with_the_state(incidents: Incidents, queue: JournalQueue, tmp_path: Path) -> None:
    """The records of a decision are queued with its state, reach their stream in order, and then leave the queue."""
    open_incident(incidents)
    commit(incidents, "one", "two")
    commit(incidents, "three")
    assert [(queued.kind, queued.stream) for queued in queue.waiting()] == [
        (kind, STREAM) for kind in ("one", "two", "three")
    ]
    journal = Journal(tmp_path / "journal", queue, b"k" * 32)
    journal.flush(STREAM)
    journal.close()
    assert recorded(tmp_path / "journal") == ["one", "two", "three"]
    assert queue.waiting() == []


@pytest.mark.parametrize("torn", [b"", b'{"half a record'])
def test_a_crash_before_they_leave_the_queue(
    database: Database, incidents: Incidents, tmp_path: Path, torn: bytes
) -> None:
    """A runner that dies after writing records and before forgetting them does not write them twice, nor lose any."""
    open_incident(incidents)
    commit(incidents, "one", "two")
    dying = Journal(tmp_path / "journal", CrashingQueue(database), b"k" * 32)
    with pytest.raises(Crash):
        dying.flush(STREAM)
    dying.close()
    with (tmp_path / "journal" / f"{STREAM}.jsonl").open("ab") as stream:
        stream.write(torn)
    commit(incidents, "three")
    queue = JournalQueue(database)
    journal = Journal(tmp_path / "journal", queue, b"k" * 32)
    journal.flush()
    journal.close()
    recovered = ["stream.recovered"] if torn else []
    assert recorded(tmp_path / "journal") == ["one", "two", *recovered, "three"]
    assert queue.waiting() == []


def test_numbers_are_never_used_twice(incidents: Incidents, queue: JournalQueue) -> None:
    """A record's number grows also after the queue was emptied, so that none is taken for one that was written."""
    open_incident(incidents)
    commit(incidents, "one", "two")
    before = [queued.seq for queued in queue.waiting()]
    queue.written(before)
    commit(incidents, "three")
    (after,) = queue.waiting()
    assert after.seq > max(before)


def test_waiting_of_one_stream(incidents: Incidents, queue: JournalQueue) -> None:
    """The queue gives what waits for one stream, or for all."""
    open_incident(incidents)
    commit(incidents, "one")
    queue.add_to_day([Note("runner.started", {})])
    assert [queued.kind for queued in queue.waiting(STREAM)] == ["one"]
    assert len(queue.waiting()) == 2
    assert all(isinstance(queued, Queued) for queued in queue.waiting())


def test_streams_are_sealed_when_they_are_over(incidents: Incidents, queue: JournalQueue) -> None:
    """A stream is to be sealed once its incident is closed, or its writer is done, and nothing waits for it any more."""
    open_incident(incidents)
    queue.announced(STREAM, "INC-A")
    queue.announced("2026/11/22/INC-A/play-1", "INC-A")
    queue.announced("2020/01/01/runner", None)
    assert queue.to_seal() == ["2020/01/01/runner"]
    queue.over("2026/11/22/INC-A/play-1")
    assert set(queue.to_seal()) == {"2026/11/22/INC-A/play-1", "2020/01/01/runner"}
    commit(incidents, "incident.closed", state=State.CLOSED)
    assert STREAM not in queue.to_seal()
    queue.written([queued.seq for queued in queue.waiting()])
    assert STREAM in queue.to_seal()
    queue.sealed(queue.to_seal())
    assert queue.to_seal() == []
    assert queue.counts() == (0, 0)


def test_a_stream_is_announced_once(queue: JournalQueue) -> None:
    """Announcing a stream a second time changes nothing."""
    for _ in range(2):
        queue.announced("2020/01/01/runner", None)
    assert queue.to_seal() == ["2020/01/01/runner"]
