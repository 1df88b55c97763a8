# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `breakglass audit verify` is, and how much memory it takes: writes benchmarks/results/verify.json.

Three journals of plays: 100,000 and 1,000,000 records in streams of 20,000, and 1,000,000 records in one stream. The
whole command is timed, from its start to its exit. Needs about 600 MB of disk for a while.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.chain import Chain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    Checkpoint,
    sign,
    write_checkpoint,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import write_keys
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import LocalKey
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import line_of
from benchmarks import machine

RESULT = Path(__file__).parent / "results" / "verify.json"
KEY = LocalKey("breakglass-journal/v1", bytes(range(32)))
CHECKPOINT_EVERY = 1_000
START = datetime(2026, 11, 22, 2, 52, 4, tzinfo=UTC)
JOURNALS = {
    "100,000 records, 5 streams": (5, 20_000),
    "1,000,000 records, 50 streams": (50, 20_000),
    "1,000,000 records, 1 stream": (1, 1_000_000),
}
ROUNDS = 3


def main() -> None:
    """Make each journal, verify it some times, and keep the median."""
    result: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    for name, (streams, size) in JOURNALS.items():
        with tempfile.TemporaryDirectory(prefix="bg") as scratch:
            result[name] = measure(Path(scratch), streams, size)
        print(name, json.dumps(result[name]))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(directory: Path, streams: int, size: int) -> dict[str, object]:
    """Write a journal of so many streams, and verify it."""
    journal = directory / "journal"
    ledger = Ledger.create(journal)
    for number in range(1, streams + 1):
        _write_stream(ledger, f"2026/11/22/INC-{number:04}/play-1", size)
    write_checkpoint(ledger.path, sign(Checkpoint(ledger.origin, *ledger.head()), KEY), ledger.head()[0])
    write_keys(directory / "journal.keys", [KEY.key()])
    rounds = sorted(_once(journal, directory / "journal.keys") for _ in range(ROUNDS))
    records = streams * size + 2 * streams + 1
    seconds = rounds[ROUNDS // 2][0]
    return {
        "records": records,
        "bytes": sum(path.stat().st_size for path in journal.rglob("*.jsonl")),
        "seconds": round(seconds, 2),
        "records_per_second": round(records / seconds),
        "peak_rss_of_largest_process_mib": max(peak for _, peak in rounds),
    }


def _write_stream(ledger: Ledger, name: str, size: int) -> None:
    path = ledger.path.parent / f"{name}.jsonl"
    ledger.announce(path, name)
    path.parent.mkdir(parents=True)
    chain = Chain(name)
    with path.open("wb") as file:
        for number in range(size):
            kind, body = _event(number)
            record = chain.draft(kind, body, None, START + timedelta(milliseconds=number))
            line = line_of(record)
            file.write(line + b"\n")
            chain.add(record, line)
            if chain.size % CHECKPOINT_EVERY == 0:
                write_checkpoint(path, sign(Checkpoint(name, *chain.head()), KEY), chain.size)
    ledger.seal(path, chain.size, chain.head()[1].hex(), range(CHECKPOINT_EVERY, size + 1, CHECKPOINT_EVERY))


def _event(number: int) -> tuple[str, dict[str, bool | str]]:
    """An intent and its result, as the callback writes them."""
    task = f"0242ac11-0002-6f2c-0d5f-{number // 2:012}"
    if number % 2:
        return "task.result", {"changed": False, "host": f"web{number % 50}", "status": "ok", "task": task}
    return "task.intent", {
        "action": "ansible.builtin.service",
        "host": f"web{(number + 1) % 50}",
        "name": "restart_service : Restart the service",
        "task": task,
    }


def _once(journal: Path, keys: Path) -> tuple[float, float]:
    """Seconds of one verification, and MiB of the largest process so far."""
    command = [sys.executable, "-m", "breakglass.cli.main", "audit", "verify", "--offline", "--key", keys, journal]
    began = time.monotonic()
    ended = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - began
    if not ended.stdout.startswith("OK  ") or "unknown" in ended.stdout:
        raise SystemExit(ended.stdout)
    return seconds, round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
