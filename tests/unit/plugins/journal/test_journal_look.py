# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick look: it may be cut anywhere and done by several processes, and says yes exactly where the close look does."""

from __future__ import annotations

import json
import os
from contextlib import closing
from hashlib import sha256

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal import look
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.findings import State
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.intents import Intents
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.merkle import Span, Tree
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import render, to_json
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugins.journal.sealed_journal import KEYS, PLAY, build, checkpoint, clock

TASKS = "2026/11/22/RUN-1/play-1.jsonl"


@given(cuts=st.lists(st.integers(0, 70), max_size=6), size=st.integers(0, 70))
def test_spans_give_the_root_of_the_tree(cuts, size):
    """Leaves that are taken in any portions, in spans that begin anywhere, have the root of RFC 6962 when joined."""
    leaves = [sha256(bytes([number])).digest() for number in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    whole = Span(0)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), size], strict=True):
        part = Span(min(start, size))
        middle = (start + end) // 2
        part.extend(leaves[start:middle])
        part.extend(leaves[middle:end])
        whole.join(part.copy())
    assert whole.root() == tree.root()
    assert whole.end == size


@pytest.mark.parametrize("stretch", [1, 500, 3_000, 10**6])
@pytest.mark.parametrize("workers", [1, 2])
def test_stretches_and_processes_change_nothing(tmp_path, monkeypatch, stretch, workers):
    """However a stream is cut, and whoever looks at the pieces, the report is the same; also of a changed journal."""
    build(tmp_path / "journal")
    expected, edited = verify(tmp_path / "journal", KEYS, None), (tmp_path / "journal" / PLAY).read_bytes()
    monkeypatch.setattr(look, "STRETCH", stretch)
    monkeypatch.setattr(look, "SMALL", 0)
    monkeypatch.setattr(look, "FEW", 0)
    assert verify(tmp_path / "journal", KEYS, None, workers=workers) == expected
    (tmp_path / "journal" / PLAY).write_bytes(edited.replace(b"step 7", b"step 8"))
    report = verify(tmp_path / "journal", KEYS, None, workers=workers)
    assert [finding.record for finding in report.streams[1].findings] == [7]


def test_an_intact_journal_needs_no_close_look(tmp_path, monkeypatch):
    """The streams of an intact journal are read once, quickly; only the ledger is read record by record."""
    build(tmp_path / "journal")
    walked = []
    close_look = look.Lookers.begin

    def begin(self, path, origin, claims, sealed_size):
        answer = close_look(self, path, origin, claims, sealed_size)
        walked.append((path.name, answer() is None))
        return answer

    monkeypatch.setattr(look.Lookers, "begin", begin)
    assert verify(tmp_path / "journal", KEYS, None).verdict is State.INTACT
    assert walked == [("play-1.jsonl", False), ("runner.jsonl", False)]


def tasks(directory, events, *, seal):
    """Write a journal with one play, of these events: kind, task, host."""
    ledger = Ledger.create(directory, clock, "breakglass/ledger/test")
    ledger.announce(directory / TASKS, "play")
    with closing(Stream.create(directory / TASKS, "play")) as stream:
        for kind, task, host in events:
            stream.append(kind, {"action": "debug", "host": host, "name": f"step {task}", "task": task}, at=clock())
        checkpoint(directory / TASKS, "play", stream.head())
        if seal:
            ledger.seal(directory / TASKS, stream.size, stream.head()[1].hex(), [stream.size])
    checkpoint(ledger.path, ledger.origin, ledger.head())


EVENTS = [
    ("play.started", "", ""),
    ("task.intent", "a", "web1"),
    ("task.intent", "a", "web2"),
    ("task.result", "a", "web2"),
    ("task.intent", 'b"\\', "wéb1"),
    ("task.result", 'b"\\', "wéb1"),
    ("task.result", "skipped", "web1"),
    ("task.intent", "c\x1b[2J", "web1"),
]


def test_an_intent_without_a_result_is_told(tmp_path):
    """In a sealed stream its outcome is unknown: a remark with record, task and host, and no failure."""
    tasks(tmp_path, EVENTS, seal=True)
    report = verify(tmp_path, KEYS, None)
    assert report.verdict is State.INTACT
    assert [remark.record for remark in report.streams[1].remarks] == [3 - 1, 8]
    text = render(report)
    assert text.startswith("OK  ")
    assert 'record 2           OUTCOME UNKNOWN  task "step a", host web1: begun, and no result was recorded' in text
    assert "\x1b" not in text
    assert [remark["record"] for remark in json.loads(to_json(report))["streams"][1]["outcome_unknown"]] == [2, 8]


def test_an_intent_may_still_get_its_result(tmp_path):
    """While a stream is open nothing is said: the task may be running."""
    tasks(tmp_path, EVENTS, seal=False)
    assert verify(tmp_path, KEYS, None).streams[1].remarks == ()


def test_a_changed_stream_tells_of_its_intents_too(tmp_path):
    """The close look has the same remarks as the quick one."""
    tasks(tmp_path, EVENTS, seal=True)
    (tmp_path / TASKS).write_bytes((tmp_path / TASKS).read_bytes().replace(b"play.started", b"play.stopped"))
    report = verify(tmp_path, KEYS, None)
    assert report.verdict is State.CHANGED
    assert [remark.record for remark in report.streams[1].remarks] == [2, 8]
    assert "OUTCOME UNKNOWN" in render(report)


EVENT = st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from(["web1", 'we"b', "\\"]))


@given(events=st.lists(EVENT, max_size=12), cut=st.integers(0, 12))
def test_intents_may_be_looked_at_in_parts(events, cut):
    """Two parts of a stream that are joined have the same open tasks as all of it."""
    lines = []
    for is_intent, task, host in events:
        body = json.dumps({"host": host, "name": task, "task": task}, separators=(",", ":"), ensure_ascii=False)
        kind = "intent" if is_intent else "result"
        lines.append(f'{{"at":"","body":{body},"id":"x","kind":"task.{kind}","origin":"x"}}'.encode())
    whole, first, second = Intents(), Intents(), Intents()
    whole.take(lines, 1)
    first.take(lines[:cut], 1)
    second.take(lines[cut:], cut + 1)
    first.join(second)
    expected = []
    for number, (is_intent, task, host) in enumerate(events, 1):
        same = [at for at in expected if events[at - 1][1:] == (task, host)]
        if is_intent:
            expected.append(number)
        elif same:
            expected.remove(same[-1])
    assert [remark.record for remark in whole.remarks()] == expected
    assert first.remarks() == whole.remarks()


def test_a_pipe_of_a_checkpoint_s_name_does_not_make_anybody_wait(tmp_path):
    """It can't be read, which is said."""
    build(tmp_path)
    os.mkfifo(tmp_path / "2026/11/22/INC-7K3M/play-1.6.checkpoint")
    assert verify(tmp_path, KEYS, None).verdict is State.UNCHECKED
