# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred incidents on three runners with one PostgreSQL: `python -m tests.soak.fleet [--rounds N] [--seed N]`.

In each life of an incident one runner is killed at a moment chosen by chance, mostly the one that works on it. Nothing may
be lost, nothing repaired twice, and at the end every journal must be intact and no token alive.
"""

from __future__ import annotations

import argparse
import sys

from tests.support.fleet import Fleet
from tests.support.fleet_deaths import die_by_chance


def main() -> int:
    """Go through all rounds; raises where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.fleet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with Fleet() as fleet:
        fleet.start_all()
        die_by_chance(fleet, given.rounds, given.seed)
        fleet.check_fleet_end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
