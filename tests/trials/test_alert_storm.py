# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand alerts in a burst: whatever was answered 202 is there, once, and the runner stays small and in its senses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import all_events, rows, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ALERTS, GROUPS = 10_000, 200
MOST_MEMORY_KIB = 300 * 1024


@pytest.fixture
def site() -> Iterator[Site]:
    """An installation whose trigger observes, without waiting for anything."""
    with Site() as site:
        limits = {"firing_for": "0s", "cooldown": "0s", "repairs_per_day": "100000"}
        site.change_policy(lambda trigger: (trigger.pop("mode"), trigger.update(limits=limits)))
        yield site


def peak_memory_kib(pid: int) -> int:
    """The most that a process ever had in memory."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.mark.timeout(540)
def test_ten_thousand_alerts_of_two_hundred_groups(site: Site) -> None:
    """No alert is refused for good, each that was taken in is in the database and in the journal once, and all incidents end."""
    with site.runner() as runner:
        command = [sys.executable, "-m", "tests.support.alert_burst", "--url", runner.url]
        command += ["--token-file", str(site.place.secret("alertmanager"))]
        command += ["--alerts", str(ALERTS), "--groups", str(GROUPS)]
        sent = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=400, cwd=Path(__file__).parents[2]
        )
        burst = json.loads(sent.stdout)
        print(burst)
        assert (burst["given_up"], burst["answers"]["202"]) == ([], ALERTS)
        assert set(burst["answers"]) <= {"202", "503", "0"}, burst

        open_ones = "SELECT count(*) FROM incident WHERE state <> 'closed'"
        wait_until(lambda: rows(site, open_ones) == [(0,)], 100, lambda: str(site.states())[-300:])
        wait_until(lambda: rows(site, "SELECT count(*) FROM outbox") == [(0,)], 100, "records wait for the journal")
        assert rows(site, "SELECT count(DISTINCT body) FROM inbox WHERE firing") == [(ALERTS,)]
        heard = [str(event.body["fingerprint"]) for event in all_events(site) if event.kind == "alert.firing"]
        assert sorted(heard) == [f"{number:016x}" for number in range(ALERTS)]
        memory = peak_memory_kib(runner.pid)
        print(f"peak memory {memory / 1024:.0f} MiB, {len(site.states())} incidents")
        assert memory < MOST_MEMORY_KIB
    assert site.channel.messages == ()
