# SPDX-License-Identifier: GPL-3.0-or-later
"""Tampering: each class of it is found, by both verifiers, who name the same first bad record."""

from __future__ import annotations

import shutil
from contextlib import closing, contextmanager

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    Checkpoint,
    checkpoint_path,
    open_note,
    read_checkpoints,
    sign,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record, line_of, parse
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import render
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.both_verifiers import ask_both
from tests.unit.plugins.journal.sealed_journal import (
    KEY,
    KEYS,
    OTHER_KEY,
    PLAY,
    RUNNER,
    MemoryAnchors,
    build,
    checkpoint,
    clock,
    write,
)

LEDGER = "ledger.jsonl"
OPEN = "open.jsonl"
STREAMS = (LEDGER, PLAY, RUNNER)
INTACT, UNCHECKED, CHANGED = 0, 1, 2

many = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A sealed journal that is only copied, and its anchors."""
    directory = tmp_path_factory.mktemp("pristine") / "journal"
    anchors = MemoryAnchors()
    build(directory, anchors)
    return directory, {origin: max(notes.items()) for origin, notes in anchors.kept.items()}


@pytest.fixture(scope="module")
def living(tmp_path_factory):
    """A journal with a stream that is being written: two records after its newest checkpoint."""
    directory = tmp_path_factory.mktemp("living") / "journal"
    ledger = build(directory)
    ledger.announce(directory / OPEN, "breakglass/open")
    checkpoint(ledger.path, ledger.origin, ledger.head())
    with closing(Stream.create(directory / OPEN, "breakglass/open")) as stream:
        write(stream, 4)
        checkpoint(stream.path, stream.origin, stream.head())
        write(stream, 2)
        stream.append("task.result", {"number": 1.5e-7, "half": -0.5, "text": "\u2028\U0001f525é\x7f\x01"}, at=clock())
    return directory


@pytest.fixture
def copied(tmp_path_factory):
    """Copies a journal, for as long as one example takes."""

    @contextmanager
    def copy(directory):
        place = tmp_path_factory.mktemp("copy")
        try:
            yield shutil.copytree(directory, place / "journal")
        finally:
            shutil.rmtree(place)

    return copy


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def test_an_untouched_journal(pristine, living):
    """Both verifiers find nothing in what nobody has touched, be it sealed or being written."""
    directory, anchors = pristine
    assert ask_both(directory, KEYS, anchors).code == INTACT
    assert ask_both(directory, KEYS, None).code == INTACT
    assert ask_both(living, KEYS, None).code == INTACT


@many
@given(data=st.data())
def test_any_byte(pristine, copied, data):
    """Any byte of any stream, of the ledger and of any checkpoint that changes is found, without the anchors."""
    with copied(pristine[0]) as journal:
        path = data.draw(st.sampled_from(sorted(path for path in journal.rglob("*") if path.is_file())))
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        verdict = ask_both(journal, KEYS, None)
        assert verdict.code != INTACT
        if path.suffix == ".jsonl":
            stream, record = verdict.place
            assert verdict.code == CHANGED
            assert stream == path.relative_to(journal).as_posix()
            assert record <= bytes(content).count(b"\n", 0, position) + 1


@many
@given(data=st.data())
def test_any_byte_of_a_journal_that_is_being_written(living, copied, data):
    """A byte after the newest checkpoint can't be missed by one verifier alone: both read each record in full."""
    with copied(living) as journal:
        content = bytearray((journal / OPEN).read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        (journal / OPEN).write_bytes(content)
        verdict = ask_both(journal, KEYS, None)
        last = content.rfind(b"\n", 0, len(content) - 1)
        assert verdict.code == CHANGED or position > last


@many
@given(data=st.data())
def test_delete_duplicate_and_reorder(pristine, copied, data):
    """Lines that are deleted, repeated or moved are found, and the record that is named is not after the first of them."""
    with copied(pristine[0]) as journal:
        name = data.draw(st.sampled_from(STREAMS))
        lines = lines_of(journal / name)
        numbers = range(len(lines))
        order = data.draw(st.permutations(numbers) | st.lists(st.sampled_from(numbers), max_size=len(lines) + 3))
        (journal / name).write_bytes(b"".join(lines[number] for number in order))
        verdict = ask_both(journal, KEYS, None)
        if list(order) == list(numbers):
            assert verdict.code == INTACT
        else:
            first = next((at for at, number in enumerate(order) if at != number), len(order)) + 1
            assert (verdict.code, verdict.place[0]) == (CHANGED, name)
            assert verdict.place[1] <= first


@many
@given(data=st.data())
def test_insert(pristine, copied, data):
    """A line that is put in, be it rubbish or a record that fits its place, is found."""
    with copied(pristine[0]) as journal:
        name = data.draw(st.sampled_from(STREAMS))
        lines = lines_of(journal / name)
        at = data.draw(st.integers(0, len(lines) - 1))
        model = parse(lines[at].rstrip(b"\n"))
        forged = line_of(Record(model.origin, at + 1, model.id, model.at, model.kind, {"forged": True}, model.previous))
        line = data.draw(st.sampled_from([b"", b"{}", forged]) | st.binary(max_size=40))
        lines.insert(at, line + b"\n")
        (journal / name).write_bytes(b"".join(lines))
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.place[0]) == (CHANGED, name)
        assert verdict.place[1] <= at + 1


@many
@given(data=st.data())
def test_truncate(pristine, copied, data):
    """A stream that is cut off anywhere, in a line or between two, is found."""
    with copied(pristine[0]) as journal:
        name = data.draw(st.sampled_from(STREAMS))
        content = (journal / name).read_bytes()
        size = data.draw(st.integers(0, len(content) - 1))
        (journal / name).write_bytes(content[:size])
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.place) == (CHANGED, (name, content.count(b"\n", 0, size) + 1))


@many
@given(data=st.data())
def test_fork(pristine, copied, data):
    """A stream that is written anew from some record on, each link right, is found by the signed roots."""
    with copied(pristine[0]) as journal:
        name = data.draw(st.sampled_from([PLAY, RUNNER]))
        keep = data.draw(st.integers(0, len(lines_of(journal / name)) - 1))
        size = data.draw(st.integers(keep + 1, 12))
        rewrite(journal, name, keep, size)
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.place[0]) == (CHANGED, name)
        assert verdict.kind in {"rewritten", "truncated"}


def rewrite(journal, name, keep, size):
    """Write a stream anew after its first records, as somebody does who knows the format and has no key."""
    with closing(Stream.create(journal / "anew.jsonl", f"breakglass/{name}")) as stream:
        for line in lines_of(journal / name)[:keep]:
            record = parse(line.rstrip(b"\n"))
            moment = clock().fromisoformat(record.at.replace("Z", "+00:00"))
            stream.append(record.kind, record.body, id=record.id, at=moment)
        for number in range(keep, size):
            stream.append("task.result", {"harmless": number}, at=clock())
    (journal / "anew.jsonl").replace(journal / name)


@pytest.mark.parametrize("keep", range(8))
def test_fork_without_its_checkpoints(pristine, copied, keep):
    """Removing the checkpoints that disagree helps nobody: the ledger's seal has the root, and the checkpoints' names."""
    with copied(pristine[0]) as journal:
        rewrite(journal, PLAY, keep, 8)
        for size in (5, 8):
            checkpoint_path(journal / PLAY, size).unlink()
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.place, verdict.kind) == (CHANGED, (PLAY, 1), "rewritten")


@pytest.mark.parametrize("cut", range(1, 7))
def test_roll_back_with_its_own_checkpoint(pristine, copied, cut):
    """A ledger set back to an older state, with a checkpoint that was truly signed then, is found through the anchor."""
    directory, anchors = pristine
    with copied(directory) as journal:
        (journal / LEDGER).write_bytes(b"".join(lines_of(journal / LEDGER)[:cut]))
        checkpoint_path(journal / LEDGER, 7).unlink()
        ledger = Ledger.open(journal, clock)
        checkpoint(ledger.path, ledger.origin, ledger.head())
        verdict = ask_both(journal, KEYS, anchors)
        assert (verdict.code, verdict.place, verdict.kind) == (CHANGED, (LEDGER, cut + 1), "rolled-back")


def test_roll_back_of_everything(tmp_path):
    """A whole journal of yesterday fits together, so without the anchors it is intact; with them it is rolled back."""
    anchors = MemoryAnchors()
    ledger = build(tmp_path / "journal", anchors)
    shutil.copytree(tmp_path / "journal", tmp_path / "yesterday")
    ledger.announce(tmp_path / "journal" / "today.jsonl", "breakglass/today")
    ledger.absent(tmp_path / "journal" / "today.jsonl")
    checkpoint(ledger.path, ledger.origin, ledger.head(), anchors)
    kept = {origin: max(notes.items()) for origin, notes in anchors.kept.items()}
    assert ask_both(tmp_path / "journal", KEYS, kept).code == INTACT
    assert ask_both(tmp_path / "yesterday", KEYS, None).code == INTACT
    verdict = ask_both(tmp_path / "yesterday", KEYS, kept)
    assert (verdict.code, verdict.place, verdict.kind) == (CHANGED, (LEDGER, 8), "rolled-back")


@pytest.mark.parametrize("with_checkpoints", [False, True])
def test_swap(pristine, copied, with_checkpoints):
    """Two streams that change places are found, with and without their checkpoints."""
    with copied(pristine[0]) as journal:
        one, two = journal / PLAY, journal / RUNNER
        for source, target in ((one, "spare"), (two, one.stem), (one.with_name("spare.jsonl"), two.stem)):
            source.rename(source.with_name(f"{target}.jsonl"))
            for size in (5, 8, 4) if with_checkpoints else ():
                note = checkpoint_path(source, size)
                if note.exists():
                    note.rename(note.with_name(f"{target}.{size}.checkpoint"))
        assert ask_both(journal, KEYS, None).code == CHANGED


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("with_checkpoints", [False, True])
def test_remove(pristine, copied, name, with_checkpoints):
    """A stream that is gone is found, with and without its checkpoints; the ledger, too."""
    with copied(pristine[0]) as journal:
        if with_checkpoints:
            for size, _ in read_checkpoints(journal / name):
                checkpoint_path(journal / name, size).unlink()
        (journal / name).unlink()
        assert ask_both(journal, KEYS, None).code == CHANGED


def test_unknown_stream(pristine, copied):
    """A stream that the ledger does not name is found."""
    with copied(pristine[0]) as journal:
        with closing(Stream.create(journal / "extra.jsonl", "breakglass/extra")) as stream:
            write(stream, 1)
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.place) == (CHANGED, ("extra.jsonl", None))


def test_another_key(pristine, copied):
    """Checkpoints that somebody signed anew with a key of their own prove nothing; together with an edit, still."""
    directory, anchors = pristine
    with copied(directory) as journal:
        for name in STREAMS:
            for size, note in read_checkpoints(journal / name):
                anew = sign(Checkpoint(open_note(note, KEYS).origin, size, open_note(note, KEYS).root), OTHER_KEY)
                checkpoint_path(journal / name, size).write_text(anew)
        assert ask_both(journal, KEYS, None).code == UNCHECKED
        (journal / LEDGER).write_bytes((journal / LEDGER).read_bytes().replace(b"INC-7K3M", b"INC-7K3N"))
        assert ask_both(journal, KEYS, anchors).code == CHANGED


def test_keys_of_both_versions(tmp_path):
    """After a rotation the older checkpoints verify with the older key, when the verifier has both; else they are unchecked."""
    ledger = build(tmp_path / "journal")
    ledger.announce(tmp_path / "journal" / "later.jsonl", "breakglass/later")
    ledger.absent(tmp_path / "journal" / "later.jsonl")
    size, root = ledger.head()
    checkpoint_path(ledger.path, size).write_text(sign(Checkpoint(ledger.origin, size, root), OTHER_KEY))
    assert ask_both(tmp_path / "journal", (KEY.key(), OTHER_KEY.key()), None).code == INTACT
    assert ask_both(tmp_path / "journal", (OTHER_KEY.key(),), None).code == UNCHECKED
    assert ask_both(tmp_path / "journal", (), None).code == UNCHECKED


@many
@given(data=st.data())
def test_a_torn_end_is_no_tampering(living, copied, data):
    """Half a line after the last whole one is a dead writer's: unchecked. Resumed, the stream says so, and is intact."""
    with copied(living) as journal:
        content = (journal / OPEN).read_bytes()
        whole = content[: content.rfind(b"\n", 0, len(content) - 1) + 1]
        cut = data.draw(st.integers(len(whole) + 1, len(content) - 1))
        (journal / OPEN).write_bytes(content[:cut])
        verdict = ask_both(journal, KEYS, None)
        assert (verdict.code, verdict.kind, verdict.place[1]) == (UNCHECKED, "torn", whole.count(b"\n") + 1)
        with closing(Stream.resume(journal / OPEN, "breakglass/open", clock)) as stream:
            assert stream.last is not None
            assert stream.last.kind == "stream.recovered"
            assert stream.last.body["size"] == cut - len(whole)
        assert ask_both(journal, KEYS, None).code == INTACT


@many
@given(data=st.data())
def test_two_changes(living, copied, data):
    """Whatever two changes are made to a journal, both verifiers say the same."""
    with copied(living) as journal:
        for _ in range(2):
            path = data.draw(st.sampled_from(sorted(path for path in journal.rglob("*.jsonl"))))
            lines = lines_of(path)
            numbers = st.integers(0, max(0, len(lines) - 1))
            one, two = data.draw(numbers), data.draw(numbers)
            change = data.draw(st.sampled_from(["delete", "move", "edit", "cut"]))
            if lines and change == "delete":
                del lines[one]
            elif lines and change == "move":
                lines.insert(two, lines.pop(one))
            elif lines and change == "edit":
                lines[one] = lines[one].replace(b"0", b"1", data.draw(st.integers(1, 5)))
            elif lines:
                lines[one:] = [lines[one][: len(lines[one]) // 2]]
            path.write_bytes(b"".join(lines))
        ask_both(journal, KEYS, None)


@pytest.mark.parametrize("words", ["absent", "archived", "announced absent", "announced archived"])
def test_a_removed_stream_is_not_excused(pristine, copied, words):
    """Who removes a sealed stream and writes into the ledger that it never came to be, is found; moving needs a seal."""
    with copied(pristine[0]) as journal:
        ledger = Ledger.open(journal, clock)
        for word in words.split():
            ledger._append(f"stream.{word}", {"stream": PLAY, "origin": f"breakglass/{PLAY}", "archive": "elsewhere"})
        checkpoint(ledger.path, ledger.origin, ledger.head())
        for size in (5, 8):
            checkpoint_path(journal / PLAY, size).unlink()
        (journal / PLAY).unlink()
        verdict = ask_both(journal, KEYS, None)
        assert verdict.code == (INTACT if words == "archived" else CHANGED)
        assert ("1 stream moved to an archive." in render(verdict.report)) == (words == "archived")


ODD = (
    st.none()
    | st.booleans()
    | st.integers(-1, 9)
    | st.sampled_from(["", "a b", "00" * 32, "8", [], [4], ["x"], [-1], 1.5])
)


@many
@given(data=st.data())
def test_odd_records_in_the_ledger(living, copied, data):
    """What somebody appends to the ledger in its own form, both verifiers understand alike, and neither stumbles over it."""
    with copied(living) as journal:
        ledger = Ledger.open(journal, clock)
        for _ in range(data.draw(st.integers(1, 3))):
            name = data.draw(st.sampled_from([OPEN, PLAY, RUNNER, LEDGER, "new.jsonl", "../x", 7]))
            fields = st.dictionaries(st.sampled_from(["origin", "size", "root", "checkpoints"]), ODD)
            kind = data.draw(st.sampled_from(["announced", "sealed", "absent", "archived"]))
            ledger._append(f"stream.{kind}", {**data.draw(fields), "stream": name})
        if data.draw(st.booleans()):
            (journal / data.draw(st.sampled_from([OPEN, PLAY]))).unlink()
        ask_both(journal, KEYS, None)
