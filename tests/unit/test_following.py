# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a journal that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from tests.support.incidents import NOW, SECOND
from tests.support.journal_on_disk import append, write_example, write_stream
from tests.support.journal_records import DIGEST, DIRECTORY, INCIDENT, OPERATOR_RUN, RUN

from breakglass.following import Following
from breakglass.reading import NoJournal
from breakglass.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

INTENT = {"task": "t-5", "name": "Restart", "action": "command", "host": "web1"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_example(tmp_path / "journal")


def following(journal: Path, selection: Selection | None = None, story: str = "") -> Following:
    started = Following(journal, selection or Selection(), story)
    started.start()
    return started


def test_what_was_there_is_not_told(journal: Path) -> None:
    """Following begins now: what was there before is not told, and what comes is told once, with its incident."""
    follows = following(journal)
    assert list(follows.new_lines()) == []
    append(journal, f"{DIRECTORY}/play-1", "task.result", {"task": "t-1", "status": "ok", "host": "web1"}, NOW)
    (line,) = follows.new_lines()
    assert line.startswith(f"03:12:09  {INCIDENT:<14} remediate   restart_service : Restart shop ....")
    assert list(follows.new_lines()) == []


def test_new_streams_are_found(journal: Path) -> None:
    """A stream that the ledger names from now on is followed from its first record, whatever incident it belongs to."""
    follows = following(journal)
    write_stream(journal, "2026/11/22/INC-NEW1/runner", [("limits.refused", {"why": "the hold is set"})])
    assert [line.split("  ", 1)[1] for line in follows.new_lines()] == ["INC-NEW1       refused     the hold is set"]


def test_stream_that_is_announced_and_not_there_yet(journal: Path) -> None:
    """A stream's file may come later than its announcement."""
    follows = following(journal)
    Ledger.open(journal).announce((journal / "2026/11/22/runner2.jsonl").relative_to(journal), "2026/11/22/runner2")
    assert list(follows.new_lines()) == []


def test_sealed_stream_that_goes_on(journal: Path) -> None:
    """A stream that was sealed is not read any more; announced again it is followed from where it was."""
    follows = following(journal)
    ledger, path = Ledger.open(journal), (journal / f"{DIRECTORY}/runner.jsonl").relative_to(journal)
    ledger.seal(path, 14, DIGEST)
    assert list(follows.new_lines()) == []
    ledger.announce(path, f"{DIRECTORY}/runner")
    append(journal, f"{DIRECTORY}/runner", "limits.refused", {"why": "again"}, NOW)
    assert len(list(follows.new_lines())) == 1


def test_stream_that_was_sealed_before(journal: Path) -> None:
    """A stream that was complete from the beginning is not read; when it goes on, only what is new is told."""
    ledger, path = Ledger.open(journal), (journal / f"{DIRECTORY}/runner.jsonl").relative_to(journal)
    ledger.seal(path, 14, DIGEST)
    follows = following(journal)
    ledger.announce(path, f"{DIRECTORY}/runner")
    append(journal, f"{DIRECTORY}/runner", "limits.refused", {"why": "again"}, NOW)
    assert [line.split("  ", 1)[1] for line in follows.new_lines()] == [f"{INCIDENT}       refused     again"]


def test_task_that_is_lost(journal: Path) -> None:
    """When a run dies, the task that has no result is told as unknown, once."""
    follows = following(journal)
    write_stream(journal, "2026/11/22/RUN-NEW1/play-1", [("task.started", INTENT), ("task.intent", INTENT)])
    assert list(follows.new_lines()) == []
    append(journal, "2026/11/22/RUN-NEW1/play-1", "run.died", {"why": "it was killed"}, NOW + SECOND)
    died, lost = follows.new_lines()
    assert died.endswith("died        it was killed")
    assert lost.endswith(" OUTCOME UNKNOWN")
    append(journal, "2026/11/22/RUN-NEW1/play-1", "run.ended", {"hosts": {}}, NOW + SECOND)
    assert not [line for line in follows.new_lines() if "UNKNOWN" in line]


def test_only_what_is_wanted(journal: Path) -> None:
    """Only the incident that was asked for, and only the kinds that were asked for, are told."""
    one, refused = following(journal, story=RUN), following(journal, Selection(kinds=frozenset({"limits"})))
    append(journal, OPERATOR_RUN, "run.stopped", {"why": "the disk is full"}, NOW)
    append(journal, f"{DIRECTORY}/runner", "limits.refused", {"why": "the hold is set"}, NOW)
    assert [line.split()[1] for line in one.new_lines()] == [RUN]
    assert [line.split()[2] for line in refused.new_lines()] == ["refused"]


def test_hostile_line_and_name(journal: Path, tmp_path: Path) -> None:
    """A line that is no record is passed over, and a ledger that names a place outside of the journal is not followed."""
    write_stream(tmp_path / "other", "secret", [("run.stopped", {"why": "outside"})])
    follows = following(journal)
    with (journal / f"{DIRECTORY}/runner.jsonl").open("ab") as stream:
        stream.write(b"nonsense \x1b[2J\n")
    for name in ("../other/secret.jsonl", str(tmp_path / "other/secret.jsonl"), "x/../../other/secret.jsonl"):
        append(journal, "2026/11/22/runner", "runner.stopped", {"pid": 1}, NOW)
        assert not follows._is_wanted(name)
    assert all(line.isprintable() for line in follows.new_lines())


def test_without_a_journal(tmp_path: Path) -> None:
    """Where there is no ledger there is nothing to follow."""
    with pytest.raises(NoJournal, match="There is no journal in"):
        following(tmp_path)
