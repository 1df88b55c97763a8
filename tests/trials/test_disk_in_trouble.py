# SPDX-License-Identifier: GPL-3.0-or-later
"""A real disk that is full, turns read-only or loses its power: what was acknowledged is kept, by journal and shipper."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import Checkpoint, sign
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import write_checkpoint
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream, UnwritableStream
from tests.support.both_verifiers import ask_both
from tests.support.own_disk import OwnDisk
from tests.support.receivers.dialects import POISON, CloudEvents
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal
from tests.support.receivers.shipper_process import ShipperProcess
from tests.support.receivers.shipping import courier, drain
from tests.support.record_schema import assert_valid
from tests.support.recorded_site import RecordedSite
from tests.support.traces import living_tokens, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WITHIN_SECONDS = 90  # pauses grow to 45 s while a sink, or the disk, is in trouble
FAULTS: dict[str, Callable[[OwnDisk], None]] = {
    "full": OwnDisk.fill,
    "read-only": OwnDisk.break_down,
    "power": OwnDisk.cut_power,
}
WHY = {"full": "space", "read-only": "read-only", "power": "input/output error"}
BATCH = 7


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[OwnDisk]:
    with OwnDisk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def journal(disk: OwnDisk) -> ShippedJournal:
    made = ShippedJournal(disk.path / "journal")
    made.run("01", 40)
    return made


def mend(disk: OwnDisk, fault: str) -> None:
    """Let the disk work again."""
    disk.free() if fault == "full" else disk.repair()


def told(journal: ShippedJournal) -> dict[str, str]:
    """What the shipper has said last, as the runner hears it."""
    lines = journal.directory.with_name("shipper.log").read_text(encoding="utf-8").splitlines()
    return json.loads(lines[-1]) if lines else {}


def write_until_refused(stream: Stream) -> tuple[list[str], str]:
    """Append records until one is refused; the ids of those that were acknowledged, and why the last was not."""
    acknowledged = []
    try:
        for number in range(100_000):
            body = {"n": number, "text": "x" * 300}
            acknowledged.append(stream.append("task.result", body, at=datetime.now(UTC)).id)
    except UnwritableStream as error:
        return acknowledged, str(error)
    raise AssertionError("the disk took everything")


def begin_runs_until_refused(journal: ShippedJournal, begun: list[Path]) -> str:
    """Begin runs as every door does: named in the ledger, then made and written; why the last one could not begin.

    In the last blocks of files that are there already a full disk has room for a few. What never came to be is said to be
    absent afterwards, as a door does it as soon as it can.
    """
    try:
        for number in range(100):
            path, origin = journal.announce(f"9{number:02}")
            begun.append(path)
            with Stream.create(path, origin) as stream:
                stream.append("run.started", {"text": "x" * 3000}, at=datetime.now(UTC))
    except BreakglassError as error:
        return str(error)
    raise AssertionError("every run could begin")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_stream_acknowledged_outlives_the_disk(disk: OwnDisk, journal: ShippedJournal, fault: str) -> None:
    """Full, read-only or without power: it takes no more, no new run begins, and all that it acknowledged is kept once."""
    path, origin = journal.announce("02")
    stream = Stream.create(path, origin)
    acknowledged = [stream.append("task.result", {"n": n}, at=datetime.now(UTC)).id for n in range(50)]
    FAULTS[fault](disk)
    late, why = write_until_refused(stream)
    assert "can't be written" in why
    with pytest.raises(UnwritableStream):
        stream.append("task.result", {}, at=datetime.now(UTC))
    begun: list[Path] = []
    assert WHY[fault] in begin_runs_until_refused(journal, begun).lower()
    stream.close()
    mend(disk, fault)
    for never in (one for one in begun if not one.exists()):
        Ledger.open(journal.directory).absent(never.relative_to(journal.directory))

    with Stream.resume(path, origin, lambda: datetime.now(UTC)) as resumed:
        resumed.append("run.died", {}, at=datetime.now(UTC))
        size, root = resumed.head()
    write_checkpoint(path, sign(Checkpoint(origin, size, root), journal.key), size)
    Ledger.open(journal.directory).seal(path.relative_to(journal.directory), size, root.hex(), [size])

    counted = Counter(journal.ids())
    assert [counted[one] for one in (*acknowledged, *late)] == [1] * (len(acknowledged) + len(late))
    assert ask_both(journal.directory, [journal.key.key()], None).report.gaps == 0


def test_a_full_disk_stops_a_shipper_only_as_long_as_it_is_full(disk: OwnDisk, journal: ShippedJournal) -> None:
    """It says so, sends no further batch, throws nothing away, and goes on by itself as soon as there is room."""
    with HttpReceiver(CloudEvents()) as receiver:
        receiver.stop()
        with ShipperProcess(journal.directory, sinks(receiver)) as shipper:
            wait_until(lambda: "siem" in told(journal), WITHIN_SECONDS, "it does not try")
            ids = journal.ids()
            disk.fill()
            receiver.start()
            wait_until(lambda: "disk full" in told(journal).get("siem", ""), WITHIN_SECONDS, lambda: str(told(journal)))
            assert len(receiver.kept) <= BATCH
            assert journal.ids() == ids
            disk.free()
            late = journal.run("02", 20)
            wait_until(lambda: {*ids, *late} <= set(receiver.kept), WITHIN_SECONDS, lambda: str(told(journal)))
            assert shipper.process.poll() is None
            wait_until(lambda: told(journal) == {}, WITHIN_SECONDS, lambda: str(told(journal)))
        assert receiver.complaints == []


@pytest.mark.parametrize("earlier", [0, 1])
def test_poisoned_records_on_a_full_disk_wait_for_their_dead_letters(
    disk: OwnDisk, journal: ShippedJournal, earlier: int
) -> None:
    """Where a dead letter can't be written, begun today or not, no record is passed over; later each has one letter."""
    poisoned = journal.write("02", [{"text": POISON}] * earlier)
    with HttpReceiver(CloudEvents()) as receiver, courier(journal, {**sinks(receiver)["siem"], "batch": "1"}) as one:
        drain(one)
        poisoned += journal.write("03", [{"text": POISON}] * 60)
        fine = journal.run("04", 5)
        disk.fill()
        for _ in range(300):
            one.step()
        assert "can't be" in one.trouble
        assert one.cursor.refused == len(journal.letters())
        assert one.cursor.refused < len(poisoned)
        disk.free()
        drain(one)
        assert set(fine) <= set(receiver.kept)
    assert [letter["record"] for letter in journal.letters() if "record" in letter] == poisoned
    assert ask_both(journal.directory, [journal.key.key()], None).report.gaps == 0


def test_a_shipper_that_can_not_keep_its_place_for_a_while(disk: OwnDisk, journal: ShippedJournal) -> None:
    """Its directory turns read-only in the middle: it says so, and goes on by itself when it can write again."""
    with HttpReceiver(CloudEvents()) as receiver, ShipperProcess(journal.directory, sinks(receiver)):
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), WITHIN_SECONDS, "not shipped")
        disk.make_read_only(journal.directory / ".ship")
        late = journal.run("02", 3 * BATCH)
        wait_until(lambda: "siem" in told(journal), WITHIN_SECONDS, "it says nothing")
        assert "Read-only file system" in told(journal)["siem"]
        assert len(set(late) & set(receiver.kept)) <= BATCH
        disk.make_writable(journal.directory / ".ship")
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), WITHIN_SECONDS, lambda: str(told(journal)))
        wait_until(lambda: told(journal) == {}, WITHIN_SECONDS, lambda: str(told(journal)))


@pytest.mark.parametrize("fault", ["read-only", "power"])
def test_a_shipper_whose_disk_breaks_down_loses_nothing(disk: OwnDisk, journal: ShippedJournal, fault: str) -> None:
    """Its cursor is never ahead of what the sink acknowledged: the next shipper brings everything, with the same ids."""
    with HttpReceiver(CloudEvents()) as receiver:
        with ShipperProcess(journal.directory, sinks(receiver)) as shipper:
            wait_until(lambda: len(receiver.kept) >= BATCH, WITHIN_SECONDS, "nothing comes")
            FAULTS[fault](disk)
            shipper.kill()
        mend(disk, fault)
        journal.run("02", 20)
        with ShipperProcess(journal.directory, sinks(receiver)):
            wait_until(lambda: set(journal.ids()) <= set(receiver.kept), WITHIN_SECONDS, lambda: str(told(journal)))
        assert set(receiver.kept) >= set(journal.ids())
        assert receiver.complaints == []


def sinks(receiver: HttpReceiver) -> dict[str, dict[str, str]]:
    """One sink with small batches."""
    return {"siem": {"kind": "http", "url": receiver.url, "timeout": "5s", "batch": str(BATCH)}}


def trouble(site: RecordedSite) -> str:
    """Why the runner says that it is not ready; empty when it is."""
    try:
        with urllib.request.urlopen(f"{site.serving.url}/readyz", timeout=10):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_a_runner_on_a_full_disk_begins_nothing_and_goes_on_by_itself() -> None:
    """Journal and shipper's places on a full disk: the alert waits, ansible-playbook ends with 97; with room all is well."""
    with RecordedSite() as site, OwnDisk(site.place.journal) as disk:
        site.start_runner()
        pager = site.break_service()
        pager.see_through()
        disk.fill()
        second = site.break_service()
        wait_until(lambda: second.look() or "disk full" in trouble(site).lower(), 30, lambda: trouble(site))
        wait_until(lambda: second.look() or "No space left" in trouble(site), 30, lambda: trouble(site))
        assert site.states()[second.alert.incident] == "waiting"
        refused = site.playbook(BREAKGLASS_JOURNAL=str(site.place.journal))
        assert refused.returncode == 97, refused.stderr
        assert (site.times("begun"), [one for one in living_tokens(site).values() if "breakglass" in one]) == (0, [])

        disk.free()

        second.see_through(90)
        site.check(second)
        assert (site.times("started"), second.repaired_by_hand) == (1, False)
        site.witness.look()
        wait_until(lambda: not site.not_shipped(), 60, lambda: f"{site.not_shipped()[:9]} {trouble(site)}")
        site.check_end()
        assert_valid(site.place.journal)
