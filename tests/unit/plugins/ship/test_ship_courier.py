# SPDX-License-Identifier: GPL-3.0-or-later
"""The courier: what it takes from a journal, when its cursor moves, what it does with what nobody takes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import MissingLedger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship import feed
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.backoff import pause
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.courier import SUSPICIOUS, Courier
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cursor_file import load, state_path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.dead_letters import DeadLetters
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.shipper import BusyJournal, Shipper
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._sink import (
    RefusedRecords,
    Unacknowledged,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.support.receivers.journal import ShippedJournal
from tests.support.receivers.shipping import courier, drain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.parcel import Parcel


class Taker:
    """A sink in memory that takes as many as it is told, and refuses what has a forbidden number."""

    most = 10
    is_remote = True

    def __init__(self, takes: int = 10, forbidden: frozenset[object] = frozenset()) -> None:
        self.taken: list[str] = []
        self.batches: list[int] = []
        self.takes = takes
        self.forbidden = forbidden
        self.is_down = False

    def send(self, parcels: Sequence[Parcel]) -> int:
        self.batches.append(len(parcels))
        if self.is_down:
            raise Unacknowledged("It is down.", 7)
        if any(parcel.record.body.get("n") in self.forbidden for parcel in parcels):
            raise RefusedRecords("It does not like this.")
        taken = parcels[: self.takes]
        self.taken += [parcel.record.id for parcel in taken]
        return len(taken)

    def close(self) -> None:
        pass


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    return ShippedJournal(tmp_path / "journal")


def courier_of(journal: ShippedJournal, sink: Taker) -> tuple[Courier, DeadLetters]:
    letters = DeadLetters(journal.directory, lambda: datetime.now(timezone.utc))
    return Courier("siem", sink, journal.directory, letters, lambda: 0.5), letters


def test_part_of_a_batch(journal: ShippedJournal) -> None:
    """A sink that acknowledges the first three of ten has three behind it, and gets the fourth next."""
    journal.run("01", 30)
    sink = Taker(takes=3)
    one, _ = courier_of(journal, sink)
    drain(one)
    assert len(sink.taken) == len(set(sink.taken)) == len(journal.ids()) + 1


def test_new_streams_and_new_records_are_found(journal: ShippedJournal) -> None:
    """A courier that has everything finds what comes: new records of an open stream, new streams, new checkpoints."""
    sink = Taker()
    one, _ = courier_of(journal, sink)
    drain(one)
    with ExitStack() as keep:
        stream = journal.open_stream("01", keep)
        drain(one)
        for number in range(3):
            stream.append("task.result", {"m": number}, at=datetime.now(timezone.utc))
            drain(one)
            assert stream.last is not None
            assert sink.taken[-1] == stream.last.id
        journal.run("02")
        drain(one)
        assert set(journal.ids()) <= set(sink.taken)


def test_memory_does_not_grow_with_the_journal(journal: ShippedJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that begins with a long journal follows few of its streams at a time, and gets them all."""
    monkeypatch.setattr(feed, "BACKLOG", 10)
    for number in range(120):
        journal.run(f"{number:03}", 2)
    sink = Taker()
    one, _ = courier_of(journal, sink)
    most = 0
    while one.step() is not None:
        most = max(most, len(one.cursor.followed))
    assert set(journal.ids()) <= set(sink.taken)
    assert most <= 10 + sink.most
    assert not one.cursor.followed


def test_torn_streams_do_not_hide_new_ones(journal: ShippedJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of dead writers, each with half a line, are no backlog: new streams are found all the same."""
    monkeypatch.setattr(feed, "BACKLOG", 5)
    for number in range(12):
        path, _ = journal.announce(f"{number:02}")
        path.parent.mkdir(parents=True)
        path.write_bytes(b'{"at":')
    sink = Taker()
    one, _ = courier_of(journal, sink)
    drain(one)
    ids = journal.run("99")
    drain(one)
    assert set(ids) <= set(sink.taken)


def test_refused_record_does_not_wait_for_a_busy_stream(journal: ShippedJournal) -> None:
    """The refused record of one stream is found although another stream never runs dry."""
    sink = Taker(forbidden=frozenset({"bad"}))
    with ExitStack() as keep:
        busy = journal.open_stream("01", keep)
        bad = journal.open_stream("02", keep)
        for number in range(6):
            bad.append("task.result", {"n": "bad" if number == 4 else "good"}, at=datetime.now(timezone.utc))
        one, _ = courier_of(journal, sink)
        for _ in range(40):
            for number in range(sink.most):
                busy.append("task.result", {"m": number}, at=datetime.now(timezone.utc))
            one.step()
    assert len(journal.letters()) == 1


def test_torn_line_waits(journal: ShippedJournal) -> None:
    """A line without its end was not acknowledged to anybody, and is not shipped before it is whole."""
    path, origin = journal.announce("01")
    path.parent.mkdir(parents=True)
    other = ShippedJournal(journal.directory.with_name("other"))
    other.run("01", 2)
    first, second = (other.directory / f"{origin}.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:-1])
    sink = Taker()
    one, _ = courier_of(journal, sink)
    drain(one)
    assert f"{origin}#1" in sink.taken
    assert f"{origin}#2" not in sink.taken
    path.write_bytes(first + second)
    drain(one)
    assert f"{origin}#2" in sink.taken


def test_line_that_is_no_record(journal: ShippedJournal) -> None:
    """A line that was spoilt stops nothing: a dead letter says where it is, the lines after it arrive."""
    ids = journal.run("01", 5)
    path = journal.directory / f"{ids[0].partition('#')[0]}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\xff{" + lines[2]
    path.write_bytes(b"".join(lines))
    sink = Taker()
    one, letters = courier_of(journal, sink)
    drain(one)
    assert [record for record in sink.taken if record in ids] == [*ids[:2], *ids[3:]]
    assert journal.letters()[0]["stream"] == path.relative_to(journal.directory).as_posix()
    assert journal.letters()[0]["seq"] == 3
    letters.close()


def test_dead_letters_are_a_stream_of_the_journal(journal: ShippedJournal) -> None:
    """Dead letters are named and sealed by the ledger, shipped like any record, and the journal verifies."""
    ids = journal.run("01", 5)
    sink = Taker(forbidden=frozenset({2}))
    one, letters = courier_of(journal, sink)
    drain(one)
    letters.close()
    drain(one)
    assert journal.letters() == [
        {"sink": "siem", "why": "It does not like this.", "record": ids[2], "seq": 3, "stream": f"{ids[2][:-2]}.jsonl"}
    ]
    assert set(journal.ids()) - set(sink.taken) == {ids[2]}
    report = verify(journal.directory, [journal.key.key()], None)
    assert [finding.text for stream in report.streams for finding in stream.findings] == []


def test_receiver_that_refuses_everything(journal: ShippedJournal) -> None:
    """When all is refused the fault seems to be the receiver's: it is said, and the pauses grow."""
    journal.run("01", 40)
    sink = Taker(forbidden=frozenset({None, *range(40)}))
    one, _ = courier_of(journal, sink)
    pauses, troubles = drain(one)
    assert "in a row" in troubles[0]
    assert len(pauses) == len(journal.ids()) + 1 - SUSPICIOUS
    assert pauses[0] < pauses[-1]
    assert len(journal.letters()) < 2 * len(journal.ids())


def test_what_is_not_acknowledged_stays(journal: ShippedJournal) -> None:
    """While a sink is down its cursor stands, on the disk too; its trouble and the pause that it asks for are known."""
    journal.run("01")
    sink = Taker()
    sink.is_down = True
    one, _ = courier_of(journal, sink)
    assert [one.step() for _ in range(3)] == [7, 7, 7]
    kept = load(state_path(journal.directory, "siem"), journal.ledger.origin)
    assert (kept.trouble, kept.cursor.ledger.offset) == ("It is down.", 0)
    sink.is_down = False
    drain(one)
    assert one.trouble == ""
    again, _ = courier_of(journal, sink)
    assert again.step() is None


def test_cursor_that_can_not_be_written(journal: ShippedJournal) -> None:
    """While the cursor can't be brought to the disk nothing more is sent; afterwards it goes on."""
    journal.run("01", 30)
    sink = Taker()
    one, _ = courier_of(journal, sink)
    state = state_path(journal.directory, "siem")
    state.parent.write_text("in the way")
    assert all(one.step() for _ in range(5))
    assert len(sink.taken) == 3  # the ledger's
    assert "disk full" in one.trouble
    state.parent.unlink()
    drain(one)
    assert len(sink.taken) == len(set(sink.taken)) == len(journal.ids()) + 1


def test_missing_journal_is_not_made(tmp_path: Path) -> None:
    """To ship from a directory without a journal is an error, and leaves nothing there."""
    sinks = make_sinks({"file": {"kind": "file", "path": str(tmp_path / "out")}}, Path("/"))
    with pytest.raises(MissingLedger), Shipper(tmp_path / "none", sinks):
        pass
    assert not list(tmp_path.iterdir())


def test_fault_of_our_own_is_a_dead_letter(journal: ShippedJournal) -> None:
    """A record that a sink can't render does not stop the others."""

    class Clumsy(Taker):
        def send(self, parcels: Sequence[Parcel]) -> int:
            if any(parcel.record.body.get("n") == 1 for parcel in parcels):
                raise KeyError("secret")
            return super().send(parcels)

    ids = journal.run("01", 3)
    sink = Clumsy()
    one, _ = courier_of(journal, sink)
    drain(one)
    assert [letter["record"] for letter in journal.letters()] == [ids[1]]
    assert "KeyError" in str(journal.letters()[0]["why"])
    assert "secret" not in str(journal.letters())


def test_one_shipper_a_journal(journal: ShippedJournal, tmp_path: Path) -> None:
    """A second shipper of the same journal is refused."""
    sinks = make_sinks({"file": {"kind": "file", "path": str(tmp_path / "out")}}, Path("/"))
    with Shipper(journal.directory, sinks), pytest.raises(BusyJournal), Shipper(journal.directory, sinks):
        pass


def test_one_sink_down_does_not_stop_the_others(journal: ShippedJournal, tmp_path: Path) -> None:
    """Each sink has its own courier."""
    journal.run("01", 50)
    down = Taker()
    down.is_down = True
    up = make_sinks({"file": {"kind": "file", "path": str(tmp_path / "out")}}, Path("/"))
    with Shipper(journal.directory, {"down": down, **up}) as shipper:
        shipper.start()
        assert not shipper.wait_until_idle(0.5)
        assert shipper.troubles() == {"down": "It is down."}
    shipped = {json.loads(line)["id"] for line in (tmp_path / "out").read_bytes().splitlines()}
    assert set(journal.ids()) <= shipped


def test_half_line_in_the_file_of_a_sink(journal: ShippedJournal, tmp_path: Path) -> None:
    """A file sink's own death leaves no half line: the record comes again, whole."""
    journal.run("01", 3)
    path = tmp_path / "out"
    path.write_bytes(b'{"whole": 1}\n{"id": "ha')
    with courier(journal, {"kind": "file", "path": str(path)}) as one:
        drain(one)
    first, *others = (json.loads(line) for line in path.read_bytes().splitlines())
    assert first == {"whole": 1}
    assert {record["id"] for record in others} >= set(journal.ids())


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e9), st.floats(0, 1))
def test_pause_is_bounded(failures: int, asked: float | None, chance: float) -> None:
    """A pause is never zero and never longer than five minutes, whatever the receiver asks for."""
    assert 0.25 <= pause(failures, asked, chance) <= 300
