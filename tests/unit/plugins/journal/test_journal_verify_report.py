# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads about a journal."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import checkpoint_path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import (
    exit_code,
    render,
    to_json,
)
from tests.unit.plugins.journal.sealed_journal import KEYS, PLAY, RUNNER, MemoryAnchors, build, clock, write


@pytest.fixture
def anchors():
    return MemoryAnchors()


@pytest.fixture
def journal(tmp_path, anchors):
    build(tmp_path / "journal", anchors)
    return tmp_path / "journal"


def test_an_intact_journal_is_one_line(journal, anchors):
    """Streams, records, checkpoints, gaps, and what the anchors said."""
    report = verify(journal, KEYS, anchors)
    assert render(report) == (
        "OK  3 streams, 19 records, 4 signed checkpoints, 0 gaps. Newest checkpoint equals its anchor in Vault."
    )
    assert exit_code(report) == 0


def test_what_was_not_asked_and_what_is_open_is_said(journal):
    """Offline, with a stream that is being written."""
    Ledger.open(journal, clock).announce(journal / "open.jsonl", "breakglass/open")
    with closing(Stream.create(journal / "open.jsonl", "breakglass/open")) as stream:
        write(stream, 1)
    assert render(verify(journal, KEYS, None)) == (
        "OK  4 streams, 21 records, 4 signed checkpoints, 0 gaps. Anchors were not checked (offline). "
        "1 stream not sealed yet."
    )


def test_anchors_that_are_behind_are_not_called_equal(tmp_path, anchors):
    """A checkpoint that is not anchored yet agrees with the anchor before it."""
    ledger = build(tmp_path, anchors)
    anchors.kept[f"breakglass/{PLAY}"].pop(8)
    assert ledger.head()[0] == 7
    assert "went on since the newest anchor" in render(verify(tmp_path, KEYS, anchors))


def test_a_changed_journal_tells_which_record_and_what_to_do(journal, anchors):
    """The path, what is intact, the changed record with both hashes, what it was, where to look, and to keep hands off."""
    path = journal / PLAY
    path.write_bytes(path.read_bytes().replace(b"step 7", b"step x"))
    report = verify(journal, KEYS, anchors)
    lines = render(report).splitlines()
    assert lines[0] == "FAILED  1 of 3 streams has been changed."
    assert lines[2:5] == [
        f"  {PLAY}",
        "    records 1\u20136        intact (signed checkpoint at 5, key breakglass-journal/v1)",
        lines[4],
    ]
    assert lines[4].startswith("    record 7           EDITED  its hash is ")
    assert "record 8 says it was " in lines[4]
    assert lines[5].startswith(
        "    it was             task.result at 2026-11-22T02:52:11.000000Z, task restart_service"
    )
    assert lines[6] == "    record 8           intact among themselves"
    assert "2 streams, 11 records intact." in lines[8]
    assert f"id breakglass/{PLAY}#7" in lines[9]
    assert lines[-1] == "  Do not repair or move this directory; tell your security team."
    assert exit_code(report) == 2


def test_what_could_not_be_checked_is_not_called_changed(journal):
    """Without keys, with a reason, exit code 1."""
    report = verify(journal, (), None)
    assert render(report).startswith("UNCHECKED  3 streams, 19 records, 0 signed checkpoints, 0 gaps.")
    assert "no public key is known" in render(report)
    assert exit_code(report) == 1


def test_a_missing_stream_and_checkpoint_are_told(journal):
    """What is gone is named."""
    (journal / RUNNER).unlink()
    checkpoint_path(journal / PLAY, 5).unlink()
    text = render(verify(journal, KEYS, None))
    assert f"The ledger names the stream {RUNNER}, which is gone." in text
    assert "the checkpoint at 5" in text


def test_nothing_in_a_record_reaches_the_terminal_unescaped(tmp_path):
    """Names, tasks and ids of a changed stream are shown with their control characters escaped."""
    ledger = Ledger.create(tmp_path, clock)
    ledger.announce(tmp_path / "x\x1b[2J.jsonl", "breakglass/x")
    with closing(Stream.create(tmp_path / "x\x1b[2J.jsonl", "breakglass/x")) as stream:
        stream.append("task.result", {"task": "evil\x1b]0;pwned\x07\n\u202e", "host": "web1"}, at=clock())
        write(stream, 1)
    stream.path.write_bytes(stream.path.read_bytes().replace(b"web1", b"web2"))
    text = render(verify(tmp_path, KEYS, None))
    assert "evil\\x1b]0;pwned\\x07\\x0a\\u202e" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_many_bad_streams_are_not_all_told(tmp_path):
    """The text stays readable; JSON has all of them."""
    Ledger.create(tmp_path, clock)
    for number in range(15):
        Stream.create(tmp_path / f"{number:02}.jsonl", f"breakglass/{number}").close()
    report = verify(tmp_path, KEYS, None)
    assert "and 5 more streams, in --json" in render(report)
    assert sum(bool(stream["findings"]) for stream in json.loads(to_json(report))["streams"]) == 15


def test_json_has_what_the_text_has(journal, anchors):
    """Programs get verdict, totals, streams and findings."""
    path = journal / PLAY
    path.write_bytes(path.read_bytes().replace(b"step 7", b"step x"))
    told = json.loads(to_json(verify(journal, KEYS, anchors)))
    assert (told["verdict"], told["records"], told["anchors"]["checked"]) == ("changed", 19, True)
    (finding,) = next(stream for stream in told["streams"] if stream["path"] == PLAY)["findings"]
    assert (finding["kind"], finding["record"], finding["state"]) == ("edited", 7, "changed")
