# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred incidents on three runners with one PostgreSQL: `python -m tests.soak.fleet [--rounds N] [--seconds N] [--seed N]`.

In each life of an incident one runner is killed at a moment chosen by chance, mostly the one that works on it. Nothing may
be lost, nothing repaired twice, and at the end every journal must be intact and no token alive. Bounded by rounds and time; writes
benchmarks/results/soak-fleet.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from tests.support.fleet import NAMES, Fleet
from tests.support.fleet_deaths import die_by_chance

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-fleet.json"
LONGEST_SECONDS = 5400


def main() -> int:
    """Go through all rounds, and write the result; raises where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.fleet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=LONGEST_SECONDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave the result file alone")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    described, began = machine.describe(), time.monotonic()
    with Fleet() as fleet:
        fleet.start_all()
        done = die_by_chance(fleet, given.rounds, given.seed, began + given.seconds)
        fleet.check_fleet_end()
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "seed": given.seed,
        "runners": len(NAMES),
        "asked_for": given.rounds,
        **asdict(done),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(result, indent=2))
    if given.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
