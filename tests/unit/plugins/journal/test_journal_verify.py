# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier on whole journals: what is intact, what is said to be unchecked, and what was done to the rest."""

from __future__ import annotations

import os
import shutil
from contextlib import closing

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    Checkpoint,
    checkpoint_path,
    sign,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.findings import FindingKind, State
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.plugins.journal.sealed_journal import (
    KEY,
    KEYS,
    LOST,
    OTHER_KEY,
    PLAY,
    RUNNER,
    MemoryAnchors,
    build,
    checkpoint,
    clock,
    write,
)


@pytest.fixture
def anchors():
    return MemoryAnchors()


@pytest.fixture
def journal(tmp_path, anchors):
    build(tmp_path / "journal", anchors)
    return tmp_path / "journal"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A journal that is only read and copied, with its anchors."""
    directory = tmp_path_factory.mktemp("pristine") / "journal"
    anchors = MemoryAnchors()
    build(directory, anchors)
    return directory, anchors


def found(report):
    """Kinds of all findings, by stream ("" for the journal as a whole)."""
    kinds = {stream.path: [finding.kind for finding in stream.findings] for stream in report.streams if stream.findings}
    return kinds | ({"": [finding.kind for finding in report.findings]} if report.findings else {})


def edit(path, spoil):
    path.write_bytes(b"".join(spoil(path.read_bytes().splitlines(keepends=True))))


def test_an_untouched_journal_is_intact(journal, anchors):
    """Nothing is found, everything is counted, every checkpoint and anchor agrees."""
    report = verify(journal, KEYS, anchors)
    assert (report.verdict, found(report)) == (State.INTACT, {})
    assert [(stream.path, stream.records, stream.is_sealed) for stream in report.streams] == [
        ("ledger.jsonl", 7, False),
        (PLAY, 8, True),
        (RUNNER, 4, True),
    ]
    assert (report.records, report.checkpoints, report.gaps) == (19, 4, 0)
    assert report.streams[1].signed_at == ((5, "breakglass-journal/v1"), (8, "breakglass-journal/v1"))
    assert (report.anchors.checked, report.anchors.equal, report.anchors.behind) == (True, 3, 0)


def test_doing_without_anchors_is_said_and_no_failure(journal):
    """Offline, the journal is intact and the report says what was not asked."""
    report = verify(journal, KEYS, None)
    assert (report.verdict, report.anchors.checked, report.anchors.reason) == (State.INTACT, False, "offline")


def test_verifying_changes_nothing(journal, anchors):
    """The verifier only reads."""
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in journal.rglob("*")}
    verify(journal, KEYS, anchors)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in journal.rglob("*")} == before


def test_a_stream_that_is_being_written_is_intact(journal, anchors):
    """An open stream has an intact chain and no seal yet; it may be ahead of its checkpoint."""
    ledger = Ledger.open(journal, clock)
    ledger.announce(journal / "open.jsonl", "breakglass/open")
    with closing(Stream.create(journal / "open.jsonl", "breakglass/open")) as stream:
        write(stream, 2)
        checkpoint(stream.path, stream.origin, stream.head(), anchors)
        write(stream, 3)
        report = verify(journal, KEYS, anchors)
    assert report.verdict is State.INTACT
    assert [stream.is_sealed for stream in report.streams if stream.path == "open.jsonl"] == [False]


def test_a_sealed_stream_may_be_resumed_when_it_is_announced_again(journal, anchors):
    """After a second announcement it may grow, and its first seal still binds its first records."""
    ledger = Ledger.open(journal, clock)
    ledger.announce(journal / PLAY, f"breakglass/{PLAY}")
    with closing(Stream.resume(journal / PLAY, f"breakglass/{PLAY}", clock)) as stream:
        write(stream, 1)
        assert verify(journal, KEYS, anchors).verdict is State.INTACT
        write(stream, 1)
        ledger.seal(journal / PLAY, stream.size, stream.head()[1].hex(), [5, 8])
    assert verify(journal, KEYS, anchors).verdict is State.INTACT


def test_a_dead_writer_s_half_line_is_not_called_a_change(journal):
    """On an open stream a torn end is unchecked; on a sealed one somebody added it."""
    Ledger.open(journal, clock).announce(journal / "open.jsonl", "breakglass/open")
    with closing(Stream.create(journal / "open.jsonl", "breakglass/open")) as stream:
        write(stream, 2)
    for name in ("open.jsonl", PLAY):
        with (journal / name).open("ab") as file:
            file.write(b'{"at":"20')
    report = verify(journal, KEYS, None)
    assert found(report) == {"open.jsonl": [FindingKind.TORN], PLAY: [FindingKind.EXTENDED]}
    assert report.streams[-1].state is State.UNCHECKED


CHANGES = {
    "edited": (lambda lines: [*lines[:2], lines[2].replace(b"web3", b"web4"), *lines[3:]], FindingKind.EDITED, 3),
    "edited first": (lambda lines: [lines[0].replace(b"web3", b"web4"), *lines[1:]], FindingKind.EDITED, 1),
    "edited number": (
        lambda lines: [*lines[:2], lines[2].replace(b'"seq":3', b'"seq":9'), *lines[3:]],
        FindingKind.EDITED,
        3,
    ),
    "edited link": (
        lambda lines: [*lines[:2], lines[2].replace(b'previous":"', b'previous":"f')[:-2] + b"}\n", *lines[3:]],
        FindingKind.EDITED,
        3,
    ),
    "edited origin": (
        lambda lines: [*lines[:2], lines[2].replace(b'"origin":"breakglass', b'"origin":"breakglasz'), *lines[3:]],
        FindingKind.EDITED,
        3,
    ),
    "garbled": (lambda lines: [*lines[:2], b"\xff" + lines[2], *lines[3:]], FindingKind.EDITED, 3),
    "deleted": (lambda lines: [*lines[:2], *lines[3:]], FindingKind.MISSING, 3),
    "deleted first": (lambda lines: lines[1:], FindingKind.MISSING, 1),
    "several deleted": (lambda lines: [*lines[:2], *lines[6:]], FindingKind.MISSING, 3),
    "swapped": (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], FindingKind.MISSING, 3),
    "duplicated": (lambda lines: [*lines[:3], lines[2], *lines[3:]], FindingKind.DUPLICATED, 3),
    "repeated later": (lambda lines: [*lines[:6], lines[2], *lines[6:]], FindingKind.INSERTED, 3),
    "inserted empty": (lambda lines: [*lines[:2], b"\n", *lines[2:]], FindingKind.EDITED, 3),
    "inserted forgery": (
        lambda lines: [*lines[:2], lines[2].replace(b"web3", b"web4"), *lines[2:]],
        FindingKind.INSERTED,
        3,
    ),
    "truncated": (lambda lines: lines[:3], FindingKind.TRUNCATED, 4),
    "truncated in a line": (lambda lines: [*lines[:3], lines[3][:9]], FindingKind.TRUNCATED, 4),
    "emptied": (lambda _: [], FindingKind.TRUNCATED, 1),
    "appended": (lambda lines: [*lines, lines[0]], FindingKind.INSERTED, 1),
    "overlong": (lambda lines: [*lines[:2], b"x" * 9_000_000 + b"\n", *lines[3:]], FindingKind.EDITED, 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_first_bad_record_is_named(journal, change):
    """What was done to a stream, and to which record first, is the first finding."""
    spoil, kind, record = CHANGES[change]
    edit(journal / PLAY, spoil)
    report = verify(journal, KEYS, None)
    first = next(stream for stream in report.streams if stream.path == PLAY).findings[0]
    assert (report.verdict, first.kind, first.record) == (State.CHANGED, kind, record)


def test_an_edited_record_is_the_only_finding_and_is_described(journal):
    """One edit is one finding, which says what the record was and where its original may be found."""
    edit(journal / PLAY, CHANGES["edited"][0])
    (finding,) = next(stream for stream in verify(journal, KEYS, None).streams if stream.path == PLAY).findings
    assert "task.result" in finding.about
    assert "host web4" in finding.about
    assert finding.record_id == f"breakglass/{PLAY}#3"


def rechain(path, start, spoil):
    """Rewrite a stream from a record on, as somebody who knows the format would."""
    lines = path.read_bytes().splitlines()
    origin = f"breakglass/{PLAY}"
    path.unlink()
    for old in path.parent.glob("new*"):
        old.unlink()
    with closing(Stream.create(path, origin)) as stream:
        write(stream, start - 1)
        assert path.read_bytes().splitlines() == lines[: start - 1]
        for number in range(start, len(lines) + 1):
            stream.append("task.result", {"task": spoil, "number": number}, at=clock())


def test_records_that_were_rewritten_with_their_chain_are_found(journal):
    """Signed roots find what the chain can't, between the last good checkpoint and the first bad one."""
    rechain(journal / PLAY, 7, "harmless")
    report = verify(journal, KEYS, None)
    (finding,) = next(stream for stream in report.streams if stream.path == PLAY).findings
    assert (finding.kind, finding.record, finding.until) == (FindingKind.REWRITTEN, 6, 8)


def test_a_rewritten_stream_whose_checkpoints_were_removed_is_found(journal):
    """The ledger's seal still has the root, and the names of the checkpoints."""
    rechain(journal / PLAY, 2, "harmless")
    for size in (5, 8):
        checkpoint_path(journal / PLAY, size).unlink()
    kinds = [FindingKind.REWRITTEN, FindingKind.MISSING_CHECKPOINT, FindingKind.MISSING_CHECKPOINT]
    assert found(verify(journal, KEYS, None)) == {PLAY: kinds}


def test_two_signed_histories_are_a_fork(journal):
    """A signed checkpoint that the records disagree with, while a later one agrees, means two histories."""
    path = checkpoint_path(journal / PLAY, 5)
    path.write_text(sign(Checkpoint(f"breakglass/{PLAY}", 5, bytes(32)), KEY))
    assert found(verify(journal, KEYS, None)) == {PLAY: [FindingKind.FORKED]}


def test_an_anchor_of_another_history_is_a_fork(journal, anchors):
    """Checkpoint and anchor of one size disagree."""
    anchors.kept[f"breakglass/{PLAY}"][8] = sign(Checkpoint(f"breakglass/{PLAY}", 8, bytes(32)), KEY)
    assert found(verify(journal, KEYS, anchors)) == {PLAY: [FindingKind.FORKED]}


def test_a_journal_rolled_back_with_its_checkpoints_is_found_by_its_anchor(tmp_path):
    """Everything on the disk is from yesterday and fits together; the anchors remember today."""
    anchors = MemoryAnchors()
    ledger = build(tmp_path / "journal", anchors)
    shutil.copytree(tmp_path / "journal", tmp_path / "yesterday")
    ledger.announce(tmp_path / "journal" / "today.jsonl", "breakglass/today")
    ledger.absent(tmp_path / "journal" / "today.jsonl")
    checkpoint(ledger.path, ledger.origin, ledger.head(), anchors)
    assert verify(tmp_path / "journal", KEYS, anchors).verdict is State.INTACT
    report = verify(tmp_path / "yesterday", KEYS, anchors)
    assert found(report) == {"ledger.jsonl": [FindingKind.ROLLED_BACK]}
    assert report.streams[0].findings[0].record == 8
    assert verify(tmp_path / "yesterday", KEYS, None).verdict is State.INTACT


def test_a_missing_stream_is_named_and_an_absent_one_is_not(journal):
    """The ledger knows which streams there were, and which never came to be."""
    (journal / RUNNER).unlink()
    report = verify(journal, KEYS, None)
    assert found(report) == {"": [FindingKind.STRAY_CHECKPOINT, FindingKind.MISSING_STREAM]}
    assert RUNNER in report.findings[1].text
    assert report.gaps == 1


def test_a_stream_that_the_ledger_does_not_name_is_found(journal):
    """Nor may a stream appear that the ledger does not know, or says never came to be."""
    shutil.copy(journal / PLAY, journal / "copy.jsonl")
    with closing(Stream.create(journal / LOST, "breakglass/lost")) as stream:
        write(stream, 1)
    unnamed = {"copy.jsonl": [FindingKind.UNNAMED_STREAM], LOST: [FindingKind.UNNAMED_STREAM]}
    assert found(verify(journal, KEYS, None)) == unnamed


def test_exchanged_streams_are_found(journal):
    """A stream in another one's place does not have the origin that the ledger announced."""
    play, runner = (journal / PLAY).read_bytes(), (journal / RUNNER).read_bytes()
    (journal / PLAY).write_bytes(runner)
    (journal / RUNNER).write_bytes(play)
    report = verify(journal, KEYS, None)
    assert {stream.state for stream in report.streams[1:]} == {State.CHANGED}


def test_a_missing_ledger_is_found(journal):
    """Without its ledger a journal can't be intact."""
    (journal / "ledger.jsonl").unlink()
    assert FindingKind.MISSING_LEDGER in found(verify(journal, KEYS, None))[""]
    assert verify(journal, KEYS, None).verdict is State.CHANGED


def test_records_added_after_the_seal_are_found(journal):
    """A sealed stream has exactly the records of its seal."""
    with closing(Stream.resume(journal / PLAY, f"breakglass/{PLAY}", clock)) as stream:
        write(stream, 1)
    report = verify(journal, KEYS, None)
    assert found(report) == {PLAY: [FindingKind.EXTENDED]}
    assert report.streams[1].findings[0].record == 9


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", FindingKind.BROKEN_CHECKPOINT),
        (b"\xff\xfe", FindingKind.BROKEN_CHECKPOINT),
        (sign(Checkpoint(f"breakglass/{PLAY}", 6, bytes(32)), KEY).encode(), FindingKind.BROKEN_CHECKPOINT),
        (sign(Checkpoint("breakglass/other", 5, bytes(32)), KEY).encode(), FindingKind.BROKEN_CHECKPOINT),
        (sign(Checkpoint(f"breakglass/{PLAY}", 5, bytes(32)), OTHER_KEY).encode(), FindingKind.UNKNOWN_KEY),
    ],
)
def test_a_checkpoint_that_is_not_what_it_should_be_is_found(journal, content, kind):
    """Broken, of another size or stream, or signed by somebody unknown: each is said."""
    checkpoint_path(journal / PLAY, 5).write_bytes(content)
    report = verify(journal, KEYS, None)
    assert found(report) == {PLAY: [kind]}
    assert report.verdict is (State.UNCHECKED if kind is FindingKind.UNKNOWN_KEY else State.CHANGED)


def test_without_keys_a_journal_is_unchecked(journal):
    """Chains and seals agree, but nobody vouches for them."""
    report = verify(journal, (), None)
    assert (report.verdict, found(report)) == (State.UNCHECKED, {"": [FindingKind.NO_KEYS]})
    assert report.checkpoints == 0


def test_an_unsigned_ledger_leaves_a_journal_unchecked(journal):
    """Whoever can write an unsigned ledger could have written it anew."""
    next(journal.glob("ledger.*.checkpoint")).unlink()
    report = verify(journal, KEYS, None)
    assert (report.verdict, found(report)) == (State.UNCHECKED, {"": [FindingKind.UNSIGNED]})


def test_anchors_that_can_t_be_asked_are_said(journal, anchors):
    """Vault away is unchecked, with its reason; so are anchors that nobody has put."""
    anchors.is_away = True
    report = verify(journal, KEYS, anchors)
    assert (report.verdict, report.anchors.reason) == (State.UNCHECKED, "Vault is sealed.")
    assert found(verify(journal, KEYS, MemoryAnchors())) == {"": [FindingKind.UNANCHORED]}


def test_what_is_no_journal_is_unchecked(tmp_path):
    """A directory that is not there, an empty one, and a file each give a report, not an exception."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("missing", "empty", "file"):
        report = verify(tmp_path / name, KEYS, None)
        assert report.verdict is State.UNCHECKED
        assert {finding.kind for finding in report.findings} == {FindingKind.UNREADABLE}


def test_links_and_pipes_are_not_followed(journal):
    """A stream that is a link or a pipe is not read, and does not make the verifier wait."""
    (journal / PLAY).rename(journal.parent / "elsewhere")
    (journal / PLAY).symlink_to(journal.parent / "elsewhere")
    (journal / RUNNER).unlink()
    os.mkfifo(journal / RUNNER)
    report = verify(journal, KEYS, None)
    assert report.verdict is State.CHANGED
    assert all(FindingKind.UNREADABLE in kinds for kinds in found(report).values())


def test_a_forged_ledger_opens_no_file_outside(journal):
    """Paths in the ledger are names to compare, not files to open."""
    ledger = Ledger.open(journal, clock)
    with ledger._newest() as descriptor:
        ledger._write(descriptor, "stream.announced", {"stream": "../../../../etc/passwd", "origin": "breakglass/x"})
        ledger._write(descriptor, "stream.announced", {"stream": 7, "origin": []})
        ledger._write(descriptor, "stream.sealed", {"stream": PLAY, "size": 8, "root": "zz", "checkpoints": ["x"]})
    assert verify(journal, KEYS, None).verdict in set(State)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_byte_of_a_sealed_journal_can_change(pristine, tmp_path_factory, data):
    """Every single-byte change of any stream, checkpoint or ledger is found, without the anchors."""
    directory = tmp_path_factory.mktemp("copy") / "journal"
    shutil.copytree(pristine[0], directory)
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    report = verify(directory, KEYS, None)
    assert report.verdict is not State.INTACT
    if path.suffix == ".jsonl":
        stream = next(stream for stream in report.streams if directory / stream.path == path)
        assert stream.state is State.CHANGED
        first = stream.findings[0]
        assert first.record <= path.read_bytes().count(b"\n", 0, position) + 1 <= first.until
    shutil.rmtree(directory.parent)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_line_of_a_sealed_journal_can_move(pristine, tmp_path_factory, data):
    """Lines deleted, repeated, moved, cut off or put in at random are found, and the first one that is wrong is named."""
    directory = tmp_path_factory.mktemp("copy") / "journal"
    shutil.copytree(pristine[0], directory)
    path = directory / data.draw(st.sampled_from([PLAY, RUNNER, "ledger.jsonl"]))
    lines = path.read_bytes().splitlines(keepends=True)
    order = data.draw(
        st.permutations(range(len(lines))) | st.lists(st.integers(0, len(lines) - 1), max_size=len(lines) + 3)
    )
    if list(order) != list(range(len(lines))):
        path.write_bytes(b"".join(lines[number] for number in order))
        report = verify(directory, KEYS, None)
        stream = next(stream for stream in report.streams if directory / stream.path == path)
        first = next((at for at, number in enumerate(order) if at != number), len(order)) + 1
        assert stream.state is State.CHANGED
        assert min(finding.record for finding in stream.findings if finding.record) <= first
    shutil.rmtree(directory.parent)
