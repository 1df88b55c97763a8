# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: measure, print, and write benchmarks/results/main-job.json."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import alert_to_task, closing, credentials, footprint, machine
from tests.support.site import Site

RESULT = Path(__file__).parent / "results" / "main-job.json"


def main() -> None:
    """Run every benchmark on one site."""
    result: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    with Site() as site:
        alert_to_task.make_local(site)
        result["alert_to_first_task"] = alert_to_task.measure(site)
        result["credentials"] = credentials.measure(site)
        result["closing"] = closing.measure(site.vault)
        result["two_hundred_grants"] = _many_grants(site)
        result["footprint"] = footprint.measure(site)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _many_grants(site: Site) -> object:
    """In a process of its own, whose memory is then its own, too."""
    command = [sys.executable, "-m", "benchmarks.many_grants", "web-operator", site.host_name]
    with tempfile.TemporaryDirectory(prefix="bg") as scratch:
        environment = {**os.environ, **site.environment, "TMPDIR": scratch}
        return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    main()
