# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of an idle runner, time of `breakglass --help`, durable acknowledgements a second."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.site import Site

ALERTS = 200
IDLE_SECONDS = 5


def measure(site: Site) -> dict[str, object]:
    """Memory in MiB (resident and proportional), time in seconds, acknowledgements per second by one sender."""
    with site.runner() as runner:
        time.sleep(IDLE_SECONDS)
        children = [int(pid) for pid in _children(runner.pid)]
        memory = {"runner": _memory(runner.pid), "waiting_play_process": [_memory(pid) for pid in children]}
        started = time.perf_counter()
        for number in range(ALERTS):
            site.post(runner.url, site.alert(labels={"alertname": "Unmatched"}, fingerprint=f"{number:016x}"))
        per_second = ALERTS / (time.perf_counter() - started)
    return {
        "idle_memory_mib": memory,
        "help_seconds": _help(),
        "acknowledged_alerts_per_second_one_sender": round(per_second),
    }


def _help() -> dict[str, object]:
    command = [str(Path(sys.executable).with_name("breakglass")), "--help"]
    if not Path(command[0]).exists():
        command = [sys.executable, "-m", "breakglass.cli.main", "--help"]
    times = []
    for _ in range(9):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return {"median_s": round(statistics.median(times), 3)}


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or _all_children(pid)


def _all_children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def _memory(pid: int) -> dict[str, float]:
    fields = {
        line.split(":")[0]: int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.endswith("kB")
    }
    return {"resident": round(fields["Rss"] / 1024, 1), "proportional": round(fields["Pss"] / 1024, 1)}
