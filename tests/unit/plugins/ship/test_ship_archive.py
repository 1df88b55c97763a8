# SPDX-License-Identifier: GPL-3.0-or-later
"""Archive: what is old, sealed and shipped is moved; archive and journal can both be verified."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import Checkpoint, sign
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import write_checkpoint
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import exit_code
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.archiving import (
    UnarchivableStream,
    UnusableArchive,
    archive,
)
from tests.support.receivers.journal import RUN, ShippedJournal
from tests.support.receivers.shipping import courier, drain

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.archiving import Archived

VERIFIER = Path(__file__).parents[4] / "tools" / "verify_journal.py"


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    made = ShippedJournal(tmp_path / "journal")
    for name in ("01", "02", "03"):
        made.run(name)
    return made


def later() -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=1)


def move(journal: ShippedJournal, *sinks: str, before: datetime | None = None) -> Archived:
    to = journal.directory.with_name("archive")
    return archive(journal.directory, to, before or later(), sinks, lambda: datetime.now(timezone.utc))


def both_verify(journal: ShippedJournal) -> None:
    """The journal and its archive are intact, as both verifiers say."""
    (keys := journal.directory.with_name("keys")).write_text(journal.key.key().vkey() + "\n")
    for directory in (journal.directory, journal.directory.with_name("archive")):
        ledger = Ledger.open(directory)
        size, root = ledger.head()
        write_checkpoint(ledger.path, sign(Checkpoint(ledger.origin, size, root), journal.key), size)
        report = verify(directory, [journal.key.key()], None)
        assert [finding for stream in report.streams for finding in stream.findings] == []
        assert list(report.findings) == []
        assert exit_code(report) in {0, 1}
        command = [sys.executable, str(VERIFIER), str(directory), "--key", str(keys)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr


def test_old_streams_are_moved(journal: ShippedJournal) -> None:
    """Sealed streams move with their checkpoints; the ledger says so; open ones stay; both journals verify."""
    path, _ = journal.announce("04")
    names = tuple(f"{RUN.format(one)}.jsonl" for one in ("01", "02", "03"))
    assert move(journal, before=datetime.now(timezone.utc) - timedelta(days=1)).moved == ()
    assert move(journal).moved == names
    journal.ledger.absent(path.relative_to(journal.directory))
    assert not list(journal.directory.rglob("*/play-*"))
    archived = journal.directory.with_name("archive")
    assert all((archived / name).exists() for name in names)
    assert len(list(archived.rglob("play-1.5.checkpoint"))) == 3
    both_verify(journal)
    assert move(journal).moved == ()
    journal.run("05")
    assert len(move(journal).moved) == 1
    both_verify(journal)


def test_what_a_sink_has_not_got_stays(journal: ShippedJournal, tmp_path: Path) -> None:
    """A stream stays until every sink has all of it; a sink that comes later is not kept waiting by what was moved."""
    assert move(journal, "siem").moved == ()
    assert len(move(journal, "siem").unshipped) == 3
    with courier(journal, {"kind": "file", "path": str(tmp_path / "out")}) as one:
        drain(one)
    assert len(move(journal, "siem").moved) == 3
    (journal.directory / ".ship" / "siem.json").unlink()
    with courier(journal, {"kind": "file", "path": str(tmp_path / "new")}) as one:
        drain(one)
        assert not one.cursor.followed
    both_verify(journal)


def test_interrupted_move_is_finished(journal: ShippedJournal) -> None:
    """Wherever a move was interrupted, the next one finishes it."""
    kept = {path: path.read_bytes() for path in journal.directory.rglob("*play-1*")}
    move(journal)
    for path, content in list(kept.items())[:3]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    move(journal)
    assert not [path for path in kept if path.suffix == ".jsonl" and path.exists()]


def test_changed_stream_is_not_moved(journal: ShippedJournal) -> None:
    """A stream that is not what was sealed stays where it is."""
    path = journal.directory / f"{RUN.format('01')}.jsonl"
    path.write_bytes(path.read_bytes().replace(b"restarted", b"restarteb", 1))
    with pytest.raises(UnarchivableStream, match="Verify"):
        move(journal)
    assert path.exists()


def test_archive_lies_elsewhere(journal: ShippedJournal) -> None:
    """An archive below its journal would be a part of it."""
    with pytest.raises(UnusableArchive):
        archive(journal.directory, journal.directory / "old", later(), (), later)


def test_a_move_that_must_stop_is_gone_on_with_later(journal: ShippedJournal) -> None:
    """What was not let move stays whole, and the next call moves the rest."""
    answers = iter([True, False])
    to = journal.directory.with_name("archive")
    first = archive(journal.directory, to, later(), (), lambda: datetime.now(timezone.utc), go_on=lambda: next(answers))
    assert first.moved == (f"{RUN.format('01')}.jsonl",)
    both_verify(journal)
    assert move(journal).moved == (f"{RUN.format('02')}.jsonl", f"{RUN.format('03')}.jsonl")
    both_verify(journal)
