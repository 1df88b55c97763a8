# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import sizes
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import ChangedStream, Stream
from tests.unit.plugins.journal.sealed_journal import Keyed, MemoryAnchors, write

from breakglass.domain.draft import Note
from breakglass.errors import BreakglassError
from breakglass.journal import OPEN_STREAMS, Journal
from breakglass.store import journal_queue
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STREAM = "2026/11/22/INC-A/runner"
SECRET = "hvs.CAESIJ1234567890abcdefghijklmnop"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    yield database
    database.close()


@pytest.fixture
def journal(database: Database, tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal", JournalQueue(database), b"k" * 32)
    yield journal
    journal.close()


def queue(database: Database, *notes: Note, stream: str = STREAM) -> None:
    with database.transaction() as connection:
        journal_queue.add(connection, stream, notes)


def bodies(journal: Journal, stream: str = STREAM) -> list[dict[str, object]]:
    path = journal.directory / f"{stream}.jsonl"
    return [json.loads(line)["body"] for line in path.read_bytes().splitlines()]


def test_records_reach_their_streams(journal: Journal, database: Database) -> None:
    """What waits is written in order, each record to its own stream, and waits no longer."""
    for number in range(3):
        queue(database, Note("n", {"number": number}))
        queue(database, Note("n", {"number": -number}), stream="2026/11/22/runner")
    journal.flush()
    assert [body["number"] for body in bodies(journal)] == [0, 1, 2]
    assert [body["number"] for body in bodies(journal, "2026/11/22/runner")] == [0, -1, -2]
    assert JournalQueue(database).waiting() == []


def test_one_stream_is_flushed_alone(journal: Journal, database: Database) -> None:
    """Flushing one stream leaves the others waiting."""
    queue(database, Note("n", {}))
    queue(database, Note("n", {}), stream="2026/11/22/runner")
    journal.flush(STREAM)
    assert [queued.stream for queued in JournalQueue(database).waiting()] == ["2026/11/22/runner"]


def test_a_journal_is_resumed(journal: Journal, database: Database) -> None:
    """A runner that starts again goes on with the chain of its streams."""
    queue(database, Note("n", {"number": 1}))
    journal.flush()
    journal.close()
    queue(database, Note("n", {"number": 2}))
    again = Journal(journal.directory, JournalQueue(database), b"k" * 32)
    again.flush()
    again.close()
    assert [body["number"] for body in bodies(journal)] == [1, 2]


def test_every_stream_is_named_in_the_ledger(journal: Journal, database: Database) -> None:
    """The ledger names a stream before its file comes to be, once, however often it is opened."""
    for _ in range(2):
        queue(database, Note("n", {}))
        journal.flush()
        journal.close()
    ledger = (journal.directory / "ledger.jsonl").read_text(encoding="utf-8")
    assert ledger.count(f"{STREAM}.jsonl") == 1


def test_more_streams_than_are_kept_open(journal: Journal, database: Database) -> None:
    """However many streams there are, each can be written to again."""
    streams = [f"2026/11/22/INC-{number}/runner" for number in range(OPEN_STREAMS + 3)]
    for _ in range(2):
        for stream in streams:
            queue(database, Note("n", {}), stream=stream)
        journal.flush()
    assert all(len(bodies(journal, stream)) == 2 for stream in streams)


def test_secrets_are_masked(journal: Journal, database: Database) -> None:
    """What looks like a secret is masked in every text and every name of a record, however deep it is."""
    queue(database, Note("n", {"why": f"token {SECRET}", "deep": {"list": [SECRET, {"x": SECRET}], SECRET: 1}}))
    journal.flush()
    assert SECRET not in (journal.directory / f"{STREAM}.jsonl").read_text(encoding="utf-8")
    (body,) = bodies(journal)
    assert body["why"] == "token [masked]"


def test_long_texts_are_shortened(journal: Journal, database: Database) -> None:
    """A text of any length takes a bounded place, with its size and a digest; so does a list or a mapping."""
    labels = {f"label{number}": "x" * 5000 for number in range(300)}
    queue(database, Note("n", {"text": "y" * 10**6, "labels": labels, "list": list(range(1000))}))
    journal.flush()
    (body,) = bodies(journal)
    assert (body["text"]["text"], body["text"]["size"]) == ("y" * 1000, 10**6)
    assert (len(body["labels"]), len(body["list"])) == (200, 200)


def test_a_broken_stream_does_not_stop_the_others(journal: Journal, database: Database) -> None:
    """A stream that was changed takes no record and is named; the records of all others are written, its own wait."""
    queue(database, Note("n", {"number": 1}))
    journal.flush()
    journal.close()
    path = journal.directory / f"{STREAM}.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":2') * 2)
    queue(database, Note("n", {}))
    others = ("2026/11/21/INC-0/runner", "2026/11/22/runner")
    for stream in others:
        queue(database, Note("n", {}), stream=stream)
    with pytest.raises(ChangedStream):
        journal.flush()
    assert all(len(bodies(journal, stream)) == 1 for stream in others)
    assert [queued.stream for queued in JournalQueue(database).waiting()] == [STREAM]


def test_a_full_or_missing_disk(journal: Journal, database: Database) -> None:
    """A journal that can't be written says so, keeps what waits, and goes on when it can."""
    blocked = journal.directory / "2026"
    blocked.write_text("not a directory")
    queue(database, Note("n", {"number": 1}))
    for _ in range(2):
        with pytest.raises(BreakglassError):
            journal.flush()
    assert len(JournalQueue(database).waiting()) == 1
    blocked.unlink()
    journal.flush()
    assert [body["number"] for body in bodies(journal)] == [1]


def test_streams_of_plays_are_signed_while_plays_write_them(journal: Journal) -> None:
    """Each is signed from its first record on; one that was changed is named, and keeps no other from being signed."""
    anchors = MemoryAnchors()
    plays = [f"2026/11/22/INC-{number}/{name}" for number in (1, 2) for name in ("play-1", "credentials-1")]
    for name in [*plays, "2026/11/22/RUN-1/play-1"]:
        journal.announce(name, None)
    journal.sign_what_is_new(Keyed(), anchors)
    for name in [*plays, "2026/11/22/RUN-1/play-1"]:
        with Stream.create(journal.directory / f"{name}.jsonl", name) as stream:
            write(stream, 2)
    changed = journal.directory / f"{plays[0]}.jsonl"
    changed.write_bytes(changed.read_bytes().replace(b'"seq":2', b'"seq":7'))
    with pytest.raises(ChangedStream, match="INC-1/play-1"):
        journal.sign_what_is_new(Keyed(), anchors)
    signed = {name: sizes(journal.directory / f"{name}.jsonl") for name in [*plays, "2026/11/22/RUN-1/play-1"]}
    assert signed == {plays[0]: [], plays[1]: [2], plays[2]: [2], plays[3]: [2], "2026/11/22/RUN-1/play-1": []}
    assert {name for name in anchors.kept if "/INC-" in name} == set(plays[1:])
