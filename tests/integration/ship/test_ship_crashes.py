# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the shipper, at seeded random points: every record is in every sink at least once."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.faults import Fault
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal
from tests.support.receivers.shipper_process import ShipperProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("BREAKGLASS_CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("BREAKGLASS_SEED", "4"))
WITHIN_SECONDS = 40


def wait_until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.002)


def test_killed_shipper_loses_nothing(tmp_path: Path) -> None:
    """However often it is killed, every record and checkpoint comes to each sink, in order."""
    chance = random.Random(SEED)
    journal = ShippedJournal(tmp_path / "journal")
    file = tmp_path / "shipped.jsonl"
    ids: list[str] = []
    faults = [chance.choice([Fault.LOST_REPLY, Fault.CUT]) for _ in range(4)]
    with HttpReceiver(CloudEvents(), faults) as receiver:
        sinks = {
            "siem": {"kind": "http", "url": receiver.url, "batch": "7"},
            "file": {"kind": "file", "path": str(file)},
        }
        for number in range(ROUNDS):
            ids += journal.run(f"{number:03}", chance.randrange(30, 120))
            goal = len(receiver.kept) + chance.randrange(0, 80)
            with ShipperProcess(journal.directory, sinks) as shipper:
                wait_until(lambda: len(receiver.kept) >= goal or set(ids) <= set(receiver.kept), "nothing comes")  # noqa: B023
                shipper.kill()
        with ShipperProcess(journal.directory, sinks) as shipper:
            wanted = set(journal.ids())
            wait_until(lambda: wanted <= set(receiver.kept), "not everything comes")
            wait_until(lambda: all(one.encode() in file.read_bytes() for one in ids[-1:]), "not in the file")
        assert receiver.complaints == []
        in_file = [json.loads(line) for line in file.read_bytes().splitlines()]
        for sink in (Counter(receiver.kept), Counter(str(record["id"]) for record in in_file)):
            assert wanted <= sink.keys()
            assert _in_order(sink, ids)
            assert sum("#checkpoint-" in one for one in sink) == ROUNDS
        assert {str(one["id"]): one for one in journal.records()}.items() <= {
            str(one["id"]): one for one in in_file
        }.items()
        assert max(Counter(receiver.kept).values()) > 1


def _in_order(sink: Counter[str], ids: list[str]) -> bool:
    """Each stream's records in order; streams may come interleaved."""
    by_stream: dict[str, list[str]] = {}
    for one in sink:
        by_stream.setdefault(one.partition("#")[0], []).append(one)
    return all(
        [one for one in by_stream[stream] if one in set(ids)] == [one for one in ids if one.partition("#")[0] == stream]
        for stream in {one.partition("#")[0] for one in ids}
    )
