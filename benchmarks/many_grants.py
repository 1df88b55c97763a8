# SPDX-License-Identifier: GPL-3.0-or-later
"""Many grants in one process, each with a guard, an SSH certificate, and a proven end: `python -m benchmarks.many_grants ACCESS HOST`.

Vault and the login are the environment's. Prints one JSON object with what the process holds after each quarter.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import (
    obtain as obtain_credential,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard import line
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.granting import Wish, obtain
from tests.support.live_run import live_run

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.live import Live

GRANTS = 200
QUARTER = GRANTS // 4
LIMIT_SECONDS = 30


def main(access: str, host: str) -> None:
    """Open and close them one after the other."""
    held, took, certified = [], [], []
    for number in range(1, GRANTS + 1):
        with live_run() as made:
            live = made.live
            began = time.monotonic()
            obtain(live, Wish(access, "5m", "endurance", "", short_lived=False), {}, os.environ)
            took.append(time.monotonic() - began)
            began = time.monotonic()
            obtain_credential(live, SshOrder(access, (host,), live.stream))
            certified.append(time.monotonic() - began)
            _close(live)
        if number % QUARTER == 0:
            held.append(_held())
    result = {"grants": GRANTS, "grant_ms": _median(took), "ssh_certificate_ms": _median(certified), "held": held}
    print(json.dumps(result))


def _close(live: Live) -> None:
    """As the callback does it, until the guard is gone."""
    guard = int(str((live.run.read_json(live.run.grant) or {})["guard_pid"]))
    answer = line.ask(live.main_end, line.CLOSE, guard, LIMIT_SECONDS)
    assert answer is not None, "the guard does not answer"
    assert answer["proven"], answer
    line.ask(live.main_end, line.SEAL, guard, LIMIT_SECONDS)
    deadline = time.monotonic() + LIMIT_SECONDS
    while line.is_alive(guard) or live.run.root.exists():
        assert time.monotonic() < deadline, "the guard does not end"
        time.sleep(0.001)


def _held() -> dict[str, int]:
    """What this process and its like hold at this moment."""
    here = str(os.getpid())
    mine = [path for path in Path("/proc").iterdir() if path.name.isdigit() and _is_like_us(path)]
    pages = int(Path(f"/proc/{here}/statm").read_text(encoding="ascii").split()[1])
    return {
        "resident_kib": pages * resource.getpagesize() // 1024,
        "descriptors": len(list(Path(f"/proc/{here}/fd").iterdir())),
        "processes": len(mine),
        "directories": len(list(Path(os.environ.get("TMPDIR", "/tmp")).glob("bg-*/runs/*"))),
    }


def _is_like_us(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes() == Path("/proc/self/cmdline").read_bytes()
    except OSError:
        return False


def _median(values: list[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
