# SPDX-License-Identifier: GPL-3.0-or-later
"""How many records a second the shipper brings to a local HTTP sink; writes benchmarks/results/shipping.json.

The journal is written before, the receiver is a process of its own that reads the bodies and answers 204. Each batch is
acknowledged, and its cursor synced to the disk, before the next one is sent.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.chain import Chain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import line_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.serving import ship_once
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.shipper import Shipper
from benchmarks import machine

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

RESULT = Path(__file__).parent / "results" / "shipping.json"
RECORDS = 50_000
STREAMS = 10
ROUNDS = 5
TARGET = 5000
LIMIT_SECONDS = 300


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a batch."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _serve(tell: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    tell.send(server.server_port)
    server.serve_forever()


def _write_journal(directory: Path) -> int:
    """Write the streams without a sync for each record; returns the bytes of a record's line."""
    ledger, now = Ledger.create(directory), datetime.now(UTC)
    size = 0
    for number in range(STREAMS):
        origin = f"2026/11/23/RUN-{number:08}/play-1"
        path = directory / f"{origin}.jsonl"
        ledger.announce(PurePath(f"{origin}.jsonl"), origin)
        path.parent.mkdir(parents=True)
        chain = Chain(origin)
        with path.open("wb") as file:
            for task in range(RECORDS // STREAMS):
                body = {"task": f"restart_service : Restart the service {task}", "host": f"web{task % 5}.example.com"}
                about = {"status": "ok", "changed": True, "message": "x" * 300, "duration": 0.25}
                record = chain.draft("task.result", {**body, **about}, None, now)
                line = line_of(record)
                chain.add(line)
                file.write(line + b"\n")
                size = len(line)
        count, root = chain.head()
        ledger.seal(PurePath(f"{origin}.jsonl"), count, root.hex())
    return size


def _rate(journal: Path, port: int, form: str) -> float:
    options = {"kind": "http", "url": f"http://127.0.0.1:{port}/", "format": form}
    for state in (journal / ".ship").glob("*.json"):
        state.unlink()
    begun = time.monotonic()
    with Shipper(journal, make_sinks({"siem": options}, journal)) as shipper:
        done = ship_once(shipper, LIMIT_SECONDS)
        shipped = shipper.couriers[0].cursor.shipped
        took = time.monotonic() - begun
    if not done or shipped < RECORDS:
        raise SystemExit(f"only {shipped} records were shipped: {shipper.troubles()}")
    return shipped / took


def measure() -> dict[str, object]:
    """Records a second: the median of several rounds, for each form of a batch."""
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    receiver.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(prefix="bg") as scratch:
        journal = Path(scratch) / "journal"
        size = _write_journal(journal)
        rates = {form: [_rate(journal, port, form) for _ in range(ROUNDS)] for form in ("json_lines", "cloudevents")}
    receiver.terminate()
    receiver.join()
    return {
        "records": RECORDS,
        "bytes_a_record": size,
        "batch": 500,
        "records_a_second": {form: round(statistics.median(one)) for form, one in rates.items()},
        "worst_round": {form: round(min(one)) for form, one in rates.items()},
        "target": TARGET,
        "resident_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure, print and write it down."""
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(), **measure()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
