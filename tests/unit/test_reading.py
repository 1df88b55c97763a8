# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a journal: finding what it has, and its records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.journal_on_disk import write_example
from tests.support.journal_records import DIRECTORY, INCIDENT, OPERATOR_RUN, RUN

from breakglass.reading import (
    NoJournal,
    Troubles,
    UnknownStory,
    find_journal,
    find_stories,
    find_story,
    records_by_time,
    records_of,
    stories,
)

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = tuple(f"{DIRECTORY}/{name}.jsonl" for name in ("credentials-1", "play-1", "runner"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_example(tmp_path / "journal")


def test_stories(journal: Path) -> None:
    """Streams of one incident or run belong together; every other stream stands by itself, the ledger last."""
    found = [(story.name, story.streams) for story in stories(journal)]
    assert found == [
        (INCIDENT, STREAMS),
        (RUN, (f"{OPERATOR_RUN}.jsonl",)),
        ("2026/11/22/runner.jsonl", ("2026/11/22/runner.jsonl",)),
        ("ledger.jsonl", ("ledger.jsonl",)),
    ]


def test_finding_one(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incident, a run, a directory and a stream are found by their names, and by paths from here."""
    assert find_story(journal, INCIDENT).streams == STREAMS
    assert find_story(journal, RUN).name == RUN
    assert find_story(journal, DIRECTORY).streams == STREAMS
    assert [story.name for story in find_stories(journal, "2026/11/22")] == [INCIDENT, RUN, "2026/11/22/runner.jsonl"]
    assert len(find_stories(journal, str(journal))) == 4
    assert find_story(journal, STREAMS[0]).streams == STREAMS[:1]
    assert find_story(journal, str(journal / STREAMS[1])).streams == STREAMS[1:2]
    monkeypatch.chdir(journal)
    assert find_story(journal, "ledger.jsonl").streams == ("ledger.jsonl",)


def test_several_where_one_is_wanted(journal: Path) -> None:
    """A directory with several incidents and runs is not one of them."""
    with pytest.raises(UnknownStory, match="has 3 incidents, runs and streams"):
        find_story(journal, "2026/11/22")


@pytest.mark.parametrize(
    "word", ["INC-NONE", "nonsense", "..", "../..", "/etc/passwd", "\x1b[2J", "a\x00b", "2026/11/23", "x" * 5000]
)
def test_what_is_not_there(journal: Path, word: str) -> None:
    """What the journal does not have is refused in a sentence that is safe to look at; nothing outside of it is read."""
    with pytest.raises(UnknownStory) as refused:
        find_story(journal, word)
    assert str(refused.value).isprintable()


def test_records_by_time(journal: Path) -> None:
    """The records of several streams come by their time, each once."""
    troubles = Troubles()
    records = list(records_by_time(journal, STREAMS, troubles))
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert len({record.id for record in records}) == len(records) == 22
    assert troubles.sentences == []


def test_line_that_is_no_record(journal: Path) -> None:
    """A broken line hides none of the others, and is said with its place; a half line at the end was never a record."""
    path = journal / STREAMS[2]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"nonsense \x1b[2J\n", *lines[2:], lines[0][:40]]))
    troubles = Troubles()
    assert len(list(records_of(journal, STREAMS[2], troubles))) == len(lines)
    assert troubles.sentences == [f"{STREAMS[2]}, line 3 is not a record. Verify the journal."]


def test_files_that_are_no_streams(journal: Path) -> None:
    """A link, a pipe, a directory or a missing file is not read, does not hold us up, and is said."""
    (journal / "link.jsonl").symlink_to(journal / STREAMS[0])
    os.mkfifo(journal / "pipe.jsonl")
    (journal / "directory.jsonl").mkdir()
    troubles = Troubles()
    for name in ("link.jsonl", "pipe.jsonl", "directory.jsonl", "missing.jsonl"):
        assert list(records_of(journal, name, troubles)) == []
    assert len(troubles.sentences) == 4


def test_which_journal(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal that is named comes before this user's own; one without a ledger is none."""
    monkeypatch.chdir(tmp_path)
    assert find_journal(journal, None, {}) == journal
    assert find_journal(None, None, {"BREAKGLASS_JOURNAL": str(journal)}) == journal
    with pytest.raises(NoJournal, match="There is no journal in"):
        find_journal(None, None, {"HOME": str(tmp_path)})
    with pytest.raises(NoJournal):
        find_journal(tmp_path, None, {})
