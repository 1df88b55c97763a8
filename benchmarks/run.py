# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: measure, print, and write benchmarks/results/main-job.json."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import alert_to_task, credentials, footprint, machine
from tests.support.site import Site

RESULT = Path(__file__).parent / "results" / "main-job.json"


def main() -> None:
    """Run every benchmark on one site."""
    result: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    with Site() as site:
        alert_to_task.make_local(site)
        result["alert_to_first_task"] = alert_to_task.measure(site)
        result["credentials"] = credentials.measure(site)
        result["footprint"] = footprint.measure(site)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
