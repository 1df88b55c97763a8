# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: many writers, one chain, and never silently made anew."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal import ledger_file
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import (
    ChangedLedger,
    ForeignStream,
    Ledger,
    LedgerBusy,
    LedgerExists,
    MissingLedger,
    UnwritableLedger,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import UnrecordableValue
from tests.unit.plugins.journal.sealed_journal import PLAY, build, clock


def records(ledger):
    return [json.loads(line) for line in ledger.path.read_bytes().splitlines()]


def announce(ledger, number):
    return ledger.announce(PurePosixPath(f"play-{number}.jsonl"), f"breakglass/play-{number}")


def test_a_ledger_begins_with_a_record_and_an_origin_of_its_own(tmp_path):
    """Two ledgers never share an origin unless they are told to; the file is its owner's only."""
    first, second = Ledger.create(tmp_path / "a", clock), Ledger.create(tmp_path / "b", clock)
    assert first.origin != second.origin
    assert records(first)[0]["kind"] == "ledger.created"
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert Ledger.open(tmp_path / "a").origin == first.origin


def test_a_ledger_is_created_once(tmp_path):
    """Creating it again is refused; creating it if it is absent opens it."""
    ledger = Ledger.create(tmp_path, clock)
    with pytest.raises(LedgerExists):
        Ledger.create(tmp_path, clock)
    assert Ledger.create_if_absent(tmp_path, clock).origin == ledger.origin
    assert Ledger.create_if_absent(tmp_path / "new", clock).head()[0] == 1
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["ledger.jsonl"]


def test_a_lost_ledger_is_not_made_anew(tmp_path):
    """Where streams are, a missing ledger is an error at every door, and nothing is created."""
    ledger = build(tmp_path)
    ledger.path.unlink()
    for act in (
        lambda: Ledger.open(tmp_path, clock),
        lambda: Ledger.create(tmp_path, clock),
        lambda: Ledger.create_if_absent(tmp_path, clock),
        lambda: announce(ledger, 1),
        ledger.head,
    ):
        with pytest.raises(MissingLedger):
            act()
    assert not ledger.path.exists()


def test_the_life_of_a_stream_is_recorded(tmp_path):
    """Announcement, seal and absence carry what the verifier needs; absolute paths below the journal are shortened."""
    kinds = [(record["kind"], record["body"]) for record in records(build(tmp_path))]
    assert kinds[1] == ("stream.announced", {"stream": PLAY, "origin": f"breakglass/{PLAY}"})
    assert kinds[2][1] | {"root": ""} == {"stream": PLAY, "size": 8, "checkpoints": [5, 8], "root": ""}
    assert kinds[-1] == ("stream.absent", {"stream": "2026/11/22/INC-7K3M/play-2.jsonl"})


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.jsonl", "a/../../x.jsonl", "x.txt", "ledger.jsonl", ""])
def test_only_streams_of_this_journal_are_named(tmp_path, path):
    """Paths outside, other files, and the ledger itself are refused."""
    ledger = Ledger.create(tmp_path, clock)
    with pytest.raises(ForeignStream):
        ledger.announce(PurePosixPath(path), "breakglass/x")
    assert ledger.head()[0] == 1


def test_a_seal_needs_a_root(tmp_path):
    """A root that is not 32 bytes in hex is refused."""
    with pytest.raises(UnrecordableValue):
        Ledger.create(tmp_path, clock).seal(PurePosixPath("a.jsonl"), 1, "abc")


def test_writers_take_turns(tmp_path):
    """Two open ledgers and several threads write one chain, each reading what the others added."""
    ledgers = [Ledger.create(tmp_path, clock), Ledger.open(tmp_path, clock)]
    threads = [
        threading.Thread(target=lambda ledger=ledger, start=start: [announce(ledger, start + n) for n in range(10)])
        for start, ledger in enumerate([*ledgers, *ledgers])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledgers[0].head() == ledgers[1].head() == Ledger.open(tmp_path, clock).head()
    assert ledgers[0].head()[0] == 41


WRITER = """
import sys
from pathlib import Path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
for number in range(25):
    ledger.announce(Path(f"{sys.argv[2]}/{number}.jsonl"), "breakglass/x")
"""


def test_processes_take_turns(tmp_path):
    """Every announcement of several processes is in the ledger once."""
    ledger = Ledger.create(tmp_path, clock)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert ledger.head()[0] == 76
    assert len({record["body"].get("stream") for record in records(ledger)}) == 76


def test_a_dead_writer_s_half_line_is_cut_off_and_said(tmp_path):
    """The next append repairs the end of the ledger first, and records it."""
    ledger = Ledger.create(tmp_path, clock)
    with ledger.path.open("ab") as file:
        file.write(b'{"at":"2026')
    announce(ledger, 1)
    assert [record["kind"] for record in records(ledger)] == ["ledger.created", "stream.recovered", "stream.announced"]
    assert records(ledger)[1]["body"]["size"] == 11


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.replace(b"ledger.created", b"ledger.creates"),
        lambda _: b"",
        lambda content: content[:-1] + b"x",
        lambda content: content + b"nonsense\n",
    ],
)
def test_a_changed_ledger_is_noticed(tmp_path, spoil):
    """An open ledger refuses to go on after a change behind its back."""
    ledger = Ledger.create(tmp_path, clock)
    ledger.path.write_bytes(spoil(ledger.path.read_bytes()))
    with pytest.raises(ChangedLedger):
        announce(ledger, 1)


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff"])
def test_a_file_that_is_no_ledger_is_not_opened(tmp_path, content):
    """Garbage in the ledger's place is our error."""
    (tmp_path / "ledger.jsonl").write_bytes(content)
    with pytest.raises(ChangedLedger):
        Ledger.open(tmp_path, clock)


def test_a_directory_in_the_ledger_s_place_is_our_error(tmp_path):
    """What the system refuses becomes a sentence."""
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(UnwritableLedger):
        Ledger.open(tmp_path, clock)


def test_a_ledger_that_is_held_for_too_long_is_busy(tmp_path, monkeypatch):
    """Waiting has an end, and its error says how to find who holds it."""
    monkeypatch.setattr(ledger_file, "WAIT", 0.02)
    ledger = Ledger.create(tmp_path, clock)
    with ledger.path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LedgerBusy, match="lsof"):
            announce(ledger, 1)
    assert announce(ledger, 1).seq == 2


def test_a_ledger_keeps_no_descriptor_open(tmp_path):
    """Between appends nothing is open that a fork could inherit."""
    ledger = Ledger.create(tmp_path, clock)
    announce(ledger, 1)
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not any("ledger" in str(link.readlink()) for link in links if link.exists())


def test_an_announcement_is_acknowledged_only_after_the_disk_has_it(tmp_path, monkeypatch):
    """When the sync fails it is an error; the ledger goes on with whatever the disk really has."""
    ledger = Ledger.create(tmp_path, clock)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing_sync)
        with pytest.raises(UnwritableLedger, match="input/output error"):
            announce(ledger, 1)
    assert announce(ledger, 2).seq == 3
    assert Ledger.open(tmp_path, clock).head() == ledger.head()


def failing_sync(_: int) -> None:
    """Fail as a dying disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))
