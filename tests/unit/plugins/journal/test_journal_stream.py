# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer of a stream: durable, alone, and never after a half line."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import closing
from hashlib import sha256

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.merkle import Tree
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import (
    GENESIS,
    UnrecordableValue,
    digest,
    parse,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import (
    ChangedStream,
    InheritedStream,
    MissingStream,
    Stream,
    StreamBusy,
    StreamExists,
    UnwritableStream,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.plugins.journal.sealed_journal import START, checkpoint, clock, write

ORIGIN = "breakglass/INC-1/play-1"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "2026" / "11" / "play-1.jsonl"


def write_closed(path, count):
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, count)


def resume(path):
    return closing(Stream.resume(path, ORIGIN, clock))


def test_a_stream_and_its_directories_are_its_owner_s_only(path, tmp_path):
    """The file is 0600, each new directory 0700."""
    Stream.create(path, ORIGIN).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(parent.stat().st_mode) for parent in (path.parent, tmp_path / "2026")] == [0o700, 0o700]


def test_records_are_chained_and_the_head_is_their_tree(path):
    """Each line names the hash of the one before; the head is the RFC 6962 root over the lines."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        assert (stream.last, stream.head()) == (None, (0, sha256(b"").digest()))
        write(stream, 5)
        lines = path.read_bytes().splitlines()
        records = [parse(line) for line in lines]
        tree = Tree()
        for line in lines:
            tree.add(line)
        assert [record.previous for record in records] == [GENESIS, *(digest(line) for line in lines[:-1])]
        assert [record.seq for record in records] == [1, 2, 3, 4, 5]
        assert records[4].id == f"{ORIGIN}#5"
        assert stream.head() == (5, tree.root())
        assert (stream.size, stream.last, stream.origin, stream.path) == (5, records[4], ORIGIN, path)


def test_a_record_may_have_an_id_of_its_own(path):
    """An id that is given stands in the record."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        assert stream.append("incident.opened", {}, id="01JD8-37", at=START).id == "01JD8-37"


def test_a_stream_is_created_once(path):
    """Where a file is, none is created, and the file stays as it is."""
    write_closed(path, 2)
    before = path.read_bytes()
    with pytest.raises(StreamExists):
        Stream.create(path, ORIGIN)
    assert path.read_bytes() == before


def test_a_missing_stream_is_never_created_by_resuming(path):
    """Resuming what is not there is an error and leaves nothing behind."""
    path.parent.mkdir(parents=True)
    with pytest.raises(MissingStream):
        Stream.resume(path, ORIGIN, clock)
    assert not path.exists()


def test_a_resumed_stream_goes_on_where_it_ended(path):
    """Number, link and tree continue as if the stream had stayed open."""
    write_closed(path, 3)
    with resume(path) as stream:
        write(stream, 2)
        head = stream.head()
    with resume(path) as stream:
        assert stream.head() == head


def test_a_stream_has_one_writer(path):
    """A second writer is refused while the first one lives."""
    with closing(Stream.create(path, ORIGIN)), pytest.raises(StreamBusy):
        Stream.resume(path, ORIGIN, clock)
    Stream.resume(path, ORIGIN, clock).close()


@pytest.mark.parametrize("tail", [b"{", b'{"at":"2026', b"\x00" * 4096, b"\xff"])
def test_a_half_line_is_cut_off_and_said(path, tail):
    """What a dead writer left is cut off, and a record keeps its size and hash."""
    write_closed(path, 2)
    with path.open("ab") as file:
        file.write(tail)
    with resume(path) as stream:
        assert stream.last.kind == "stream.recovered"
        assert stream.last.body == {"size": len(tail), "sha256": sha256(tail).hexdigest()}
        assert stream.size == 3
    with resume(path) as stream:
        assert stream.size == 3


def test_a_whole_record_without_its_newline_was_not_acknowledged(path):
    """A line counts when its newline is there."""
    write_closed(path, 2)
    os.truncate(path, path.stat().st_size - 1)
    with resume(path) as stream:
        assert (stream.size, stream.last.kind) == (2, "stream.recovered")


def test_a_half_line_is_not_cut_off_where_a_checkpoint_counts_it(path):
    """Signed records that are torn were not torn by a dying writer: the file stays untouched."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 2)
        checkpoint(path, ORIGIN, stream.head())
    os.truncate(path, path.stat().st_size - 1)
    before = path.read_bytes()
    with pytest.raises(ChangedStream, match="checkpoint counts 2"):
        Stream.resume(path, ORIGIN, clock)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [lines[0].replace(b"web3", b"web4"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [lines[0], b"\n", *lines[1:]],
        lambda lines: [*lines, b"not a record\n"],
        lambda lines: [lines[0].replace(b"play-1", b"play-2"), *lines[1:]],
        lambda lines: [b"x" * 5_000_000 + b"\n", *lines],
    ],
)
def test_a_changed_stream_is_not_resumed(path, spoil):
    """A broken chain is an error that names a line; the file stays untouched and can be looked at."""
    write_closed(path, 3)
    path.write_bytes(b"".join(spoil(path.read_bytes().splitlines(keepends=True))))
    before = path.read_bytes()
    with pytest.raises(ChangedStream, match="line "):
        Stream.resume(path, ORIGIN, clock)
    assert path.read_bytes() == before
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_another_stream_s_file_is_not_resumed(path):
    """The origin that is asked for must be the records' own."""
    write_closed(path, 1)
    with pytest.raises(ChangedStream):
        Stream.resume(path, "breakglass/other", clock)


def test_a_refused_body_leaves_the_stream_as_it_was(path):
    """An unrecordable value costs its record only."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        with pytest.raises(UnrecordableValue):
            stream.append("task.result", {"value": float("nan")}, at=START)
        write(stream, 1)
        assert stream.size == 1


def test_an_origin_that_can_t_be_one_creates_nothing(path):
    """A bad name is refused before any file is made."""
    with pytest.raises(UnrecordableValue):
        Stream.create(path, "two words")
    assert not path.parent.exists()


@pytest.fixture
def full_disk():
    """Files may not grow beyond a limit: as on a full disk, a write ends short, then fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_after_a_short_write_the_stream_takes_nothing_more(path, full_disk):
    """A full disk ends the stream; what was acknowledged is there, and resuming cuts the half line off."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 2)
        whole = path.stat().st_size
        full_disk(whole + 10)
        with pytest.raises(UnwritableStream, match="disk full"):
            write(stream, 1)
        full_disk(resource.RLIM_INFINITY)
        with pytest.raises(UnwritableStream):
            write(stream, 1)
        assert (stream.size, path.stat().st_size) == (2, whole + 10)
    with resume(path) as stream:
        assert (stream.size, stream.last.body["size"]) == (3, 10)


def test_a_failed_write_ends_the_stream(path, full_disk):
    """A write that the system refuses is our error, now and for every later record."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 1)
        full_disk(path.stat().st_size)
        for _ in range(2):
            with pytest.raises(UnwritableStream, match="file too large"):
                write(stream, 1)


def test_a_record_is_acknowledged_only_after_the_disk_has_it(path, monkeypatch):
    """When the sync fails, the record is not acknowledged and the stream takes nothing more."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 1)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing_sync)
            with pytest.raises(UnwritableStream, match="input/output error"):
                write(stream, 1)
        with pytest.raises(UnwritableStream):
            write(stream, 1)
        assert stream.size == 1


def failing_sync(_: int) -> None:
    """Fail as a dying disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_stream_that_somebody_else_touched_takes_nothing_more(path):
    """A file that grew, shrank or was deleted under its writer is noticed before the next record."""
    for change in (lambda: path.write_bytes(path.read_bytes() + b"x"), lambda: os.truncate(path, 0), path.unlink):
        with closing(Stream.create(path, ORIGIN)) as stream:
            write(stream, 1)
            change()
            with pytest.raises(UnwritableStream, match="somebody else"):
                write(stream, 1)
        path.unlink(missing_ok=True)


def test_a_closed_stream_takes_nothing_more(path):
    """The end of a `with` block closes it, closing again is fine, and writing afterwards is our error."""
    with Stream.create(path, ORIGIN) as stream:
        write(stream, 1)
    stream.close()
    with pytest.raises(UnwritableStream, match="closed"):
        write(stream, 1)


def test_a_directory_that_can_t_be_made_is_said(tmp_path):
    """A file where a directory should be is our error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableStream, match="create failed"):
        Stream.create(tmp_path / "file" / "play-1.jsonl", ORIGIN)


def in_child(act) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(act())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_can_t_write_and_holds_no_lock(path):
    """A child is refused, its end leaves the parent's lock alone, and a child that lives on does not keep the lock."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 1)

        def act() -> int:
            try:
                write(stream, 1)
            except InheritedStream:
                stream.close()
                return 7
            return 0

        assert in_child(act) == 7
        write(stream, 1)
        with pytest.raises(StreamBusy):
            Stream.resume(path, ORIGIN, clock)
        reading, writing = os.pipe()
        ready, is_ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.write(is_ready, b"x")
            os.read(reading, 1)
            os._exit(0)
        os.read(ready, 1)
        for descriptor in (reading, ready, is_ready):
            os.close(descriptor)
    try:
        Stream.resume(path, ORIGIN, clock).close()
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_an_executed_program_does_not_inherit_the_file(path):
    """The descriptor is closed on exec."""
    with closing(Stream.create(path, ORIGIN)):
        listing = subprocess.run(
            ["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True, close_fds=False
        )
    assert "play-1" not in listing.stdout


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_stream_cut_anywhere_keeps_every_whole_record(tmp_path_factory, data):
    """Wherever a crash cuts the file, resuming keeps all whole lines and loses only the half one."""
    path = tmp_path_factory.mktemp("cut") / "play-1.jsonl"
    write_closed(path, 3)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    os.truncate(path, cut)
    whole = content[:cut].count(b"\n")
    with resume(path) as stream:
        torn = len(content[:cut].rpartition(b"\n")[2])
        assert stream.size == whole + (torn > 0)
    assert path.read_bytes().startswith(content[: cut - torn])


WRITER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
now = lambda: datetime.now(timezone.utc)
path = Path(sys.argv[1])
stream = Stream.resume(path, "breakglass/crash", now) if path.exists() else Stream.create(path, "breakglass/crash")
while True:
    record = stream.append("task.result", {"padding": "x" * 700}, at=now())
    sys.stdout.write(f"{record.seq}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("patience", [1, 7, 23, 60])
def test_a_killed_writer_loses_no_acknowledged_record(tmp_path, patience):
    """Kill -9 in the middle of writing, again and again: every number that the writer gave out is in the stream."""
    path = tmp_path / "crash.jsonl"
    acknowledged = 0
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        with writer:
            for _ in range(patience):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            rest = writer.stdout.read().splitlines(keepends=True)
            acknowledged = max([acknowledged, *(int(line) for line in rest if line.endswith("\n"))])
    with closing(Stream.resume(path, "breakglass/crash", clock)) as stream:
        assert stream.size >= acknowledged
    numbers = [json.loads(line)["seq"] for line in path.read_bytes().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def counting_sync(monkeypatch) -> list[int]:
    calls: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (calls.append(descriptor), real(descriptor))[1])
    return calls


def test_what_was_not_synced_is_acknowledged_with_the_next_record(path, monkeypatch):
    """One sync brings all lines before it to the disk, and there is none where there is nothing to bring."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        syncs = counting_sync(monkeypatch)
        for _ in range(5):
            stream.append_unsynced("task.result", {"host": "web3"}, at=START)
        assert (len(syncs), stream.size, path.read_bytes().count(b"\n")) == (0, 5, 5)
        write(stream, 1)
        stream.sync()
        assert (len(syncs), stream.size) == (1, 6)
    with resume(path) as stream:
        assert stream.size == 6


@pytest.mark.parametrize("bring", [Stream.sync, Stream.head, Stream.close], ids=["sync", "head", "close"])
def test_a_head_a_sync_and_the_end_bring_everything_to_the_disk(path, monkeypatch, bring):
    """A checkpoint never signs what a power cut can take back, and a closed stream has nothing left to lose."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        syncs = counting_sync(monkeypatch)
        stream.append_unsynced("task.result", {}, at=START)
        bring(stream)
        bring(stream)
        assert len(syncs) == 1


@pytest.mark.parametrize("bring", [Stream.sync, Stream.head, Stream.close], ids=["sync", "head", "close"])
def test_what_can_t_be_brought_to_the_disk_ends_the_stream(path, monkeypatch, bring):
    """A failed sync is not forgotten: the kernel may have dropped the pages, so nothing more is taken."""
    stream = Stream.create(path, ORIGIN)
    stream.append_unsynced("task.result", {}, at=START)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing_sync)
        with pytest.raises(UnwritableStream, match="input/output error"):
            bring(stream)
    with pytest.raises(UnwritableStream):
        write(stream, 1)
    stream.close()
    Stream.resume(path, ORIGIN, clock).close()


def test_a_short_write_without_sync_ends_the_stream_too(path, full_disk):
    """An unsynced record that does not fit is refused at once, and the half line is cut off at the next resuming."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 1)
        full_disk(path.stat().st_size + 10)
        with pytest.raises(UnwritableStream, match="disk full"):
            stream.append_unsynced("task.result", {}, at=START)
        with pytest.raises(UnwritableStream):
            write(stream, 1)
    full_disk(resource.RLIM_INFINITY)
    with resume(path) as stream:
        assert (stream.size, stream.last.kind) == (2, "stream.recovered")


def test_a_forked_child_neither_syncs_nor_closes_its_parent_s_records(path):
    """What the parent has not synced stays the parent's business."""
    with closing(Stream.create(path, ORIGIN)) as stream:
        stream.append_unsynced("task.result", {}, at=START)

        def act() -> int:
            stream.sync()
            stream.close()
            return 7

        assert in_child(act) == 7
        write(stream, 1)
        assert stream.size == 2


def test_what_is_announced_for_children_is_on_the_disk_before_they_run(path, monkeypatch):
    """Each child that is forked after the announcement syncs before its first own step, and the parent does not wait."""
    reading, writing = os.pipe()
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (os.write(writing, b"s"), real(descriptor))[1])
    with closing(Stream.create(path, ORIGIN)) as stream:
        write(stream, 1)
        assert os.read(reading, 9) == b"s"
        stream.append_for_children("task.intent", {}, at=START)
        assert in_child(lambda: os.write(writing, b"c") * 7) == 7
        assert os.read(reading, 9) == b"sc"
        stream.sync()
        assert os.read(reading, 9) == b"s"
        assert in_child(lambda: os.write(writing, b"c") * 7) == 7
        assert os.read(reading, 9) == b"c"  # nothing was left to be brought to the disk
    os.close(reading)
    os.close(writing)


def test_a_child_does_not_sync_again_what_another_has_synced(path, monkeypatch):
    """A sync that began after the announcement holds for all children; what was announced later needs one of its own."""
    reading, writing = os.pipe()
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (os.write(writing, b"s"), real(descriptor))[1])
    with closing(Stream.create(path, ORIGIN)) as stream:
        for _ in range(2):
            stream.append_for_children("task.intent", {}, at=START)
        for _ in range(3):
            assert in_child(lambda: os.write(writing, b"c") * 7) == 7
        assert os.read(reading, 9) == b"sccc"
        stream.append_for_children("task.intent", {}, at=START)
        assert in_child(lambda: os.write(writing, b"c") * 7) == 7
        assert os.read(reading, 9) == b"sc"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("after", [Stream.sync, Stream.close, lambda stream: write(stream, 1)])
def test_a_child_that_can_t_bring_its_announcement_to_the_disk_does_nothing(path, monkeypatch, after):
    """It ends with 97, and the parent, whom the system would not tell of the error again, takes no more records."""
    stream = Stream.create(path, ORIGIN)
    stream.append_for_children("task.intent", {}, at=START)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing_sync)
        assert in_child(lambda: 7) == 97
    with pytest.raises(UnwritableStream, match="could not bring its announcement"):
        after(stream)
    stream.close()
