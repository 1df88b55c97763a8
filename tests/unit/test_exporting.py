# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporting a journal."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.chain import Chain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import line_of
from tests.support import ocsf_schema
from tests.support.incidents import NOW, SECOND
from tests.support.journal_on_disk import write_example, write_stream
from tests.support.journal_records import INCIDENT

from breakglass.exporting import UnwritableExport, exported, whole_file
from breakglass.formats import Format
from breakglass.reading import Troubles, find_stories, stories
from breakglass.selection import Period, Selection

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("exporting") / "journal")


def export(journal: Path, form: Format, selection: Selection | None = None, only: str = "") -> list[str]:
    troubles = Troubles()
    chosen = find_stories(journal, only) if only else stories(journal)
    pieces = list(exported(journal, chosen, selection or Selection(), form, troubles))
    assert troubles.sentences == []
    return pieces


def test_own_lines(journal: Path) -> None:
    """The journal's own form is each record's line, byte for byte, of every stream, the ledger too."""
    lines = sorted(line for path in journal.rglob("*.jsonl") for line in path.read_bytes().splitlines(keepends=True))
    assert sorted(piece.encode() for piece in export(journal, Format.JSONL)) == lines


def test_ocsf(journal: Path) -> None:
    """Every record is an event that OCSF's own schema finds nothing wrong with."""
    pieces = export(journal, Format.OCSF)
    assert len(pieces) == len(export(journal, Format.JSONL))
    for piece in pieces:
        assert ocsf_schema.faults_of(json.loads(piece)) == []


def test_cloudevents(journal: Path) -> None:
    """Every record is a CloudEvent; the source is the name that the journal gave itself."""
    (source,) = {json.loads(piece)["source"] for piece in export(journal, Format.CLOUDEVENTS)}
    assert source.startswith("/breakglass/ledger/")


def test_csv(journal: Path) -> None:
    """CSV has a header and a row for each record, all of the same length."""
    rows = list(csv.reader(io.StringIO("".join(export(journal, Format.CSV)))))
    assert rows[0][:3] == ["at", "about", "kind"]
    assert len(rows) == 1 + len(export(journal, Format.JSONL))
    assert {len(row) for row in rows} == {len(rows[0])}


def test_only_what_is_wanted(journal: Path) -> None:
    """An export may be of a period, a kind, or one incident."""
    first = export(journal, Format.JSONL, Selection(Period(NOW, NOW + SECOND)))
    assert {json.loads(piece)["at"][:19] for piece in first} == {"2026-11-22T03:12:09"}
    assert len(export(journal, Format.JSONL, only=INCIDENT)) == 22
    assert len(export(journal, Format.JSONL, Selection(kinds=frozenset({"grant"})))) == 5


def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    """A journal of ten times the records is exported in the same memory."""
    peaks = []
    for count in (300, 3000):
        journal = tmp_path / str(count)
        write_stream(journal, "2026/11/22/INC-BIG/runner", [])
        chain = Chain("2026/11/22/INC-BIG/runner")
        with (journal / "2026/11/22/INC-BIG/runner.jsonl").open("ab") as stream:
            for number in range(count):
                record = chain.draft("task.result", {"host": f"web{number}", "status": "ok"}, None, NOW)
                line = line_of(record)
                chain.add(line)
                stream.write(line + b"\n")
        tracemalloc.start()
        assert sum(1 for _ in exported(journal, stories(journal), Selection(), Format.OCSF, Troubles())) == count + 2
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_whole_file(tmp_path: Path) -> None:
    """A file appears when it is whole, for its owner alone; what was there stays when the export fails."""
    target = tmp_path / "export.csv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as file:
        file.write(str(1 // 0))
    assert target.read_text() == "old"
    with whole_file(target) as file:
        file.write("new\n")
    assert target.read_text() == "new\n"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_file_that_can_not_be_written(tmp_path: Path) -> None:
    """What the system refuses is said in a sentence."""
    with pytest.raises(UnwritableExport, match="can't be written"), whole_file(tmp_path / "none" / "export.csv"):
        pass
