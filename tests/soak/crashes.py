# SPDX-License-Identifier: GPL-3.0-or-later
"""Long rounds of crashes: `python -m tests.soak.crashes [--seconds N] [--seed N]`, bounded by its time.

First the runner dies at every point of a life of an incident, before and after every call, one round each; then, as
long as there is time, processes chosen by chance (runner, guard, play, worker, several at once) die at moments chosen by
chance. After each round everything is checked that must hold. Exit code 1 and the seed when it did not.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.support.crash_runner import POINTS
from tests.support.crash_site import CrashSite

LONGEST_LIFE = 40  # no point is passed more often than this in one life of an incident


def main() -> int:
    """Crash until the time is over."""
    given = _arguments()
    dice = random.Random(given.seed)
    until = time.monotonic() + given.seconds
    points = [point for point in POINTS if given.point in (None, point)]
    with CrashSite() as site:
        site.start_runner()
        for point in points:
            for side in ("before", "after"):
                for nth in range(1, LONGEST_LIFE):
                    if time.monotonic() > until or not crash_at(site, point, side, nth):
                        break
        site.check_end()
    return 0


def crash_at(site: CrashSite, point: str, side: str, nth: int) -> bool:
    """One life of an incident with one crash; False when the life had no such moment."""
    began = time.monotonic()
    pager = site.break_service()
    site.arm(point, side, nth)
    died = False
    while not pager.look() or not site.quiet():
        if site.serving.ended() is not None:
            died = True
            site.start_runner()
        time.sleep(0.05)
        assert time.monotonic() - began < 90, site.report()
    site.armed.unlink(missing_ok=True)
    site.check(pager)
    kinds = [event.kind for event in site.events(pager.alert.incident)]
    result = [event.body["result"] for event in site.events(pager.alert.incident) if event.kind == "incident.closed"]
    print(f"{point} {side} {nth}: {'died' if died else 'lived'} {result} attempts {kinds.count('play.intent')} begun {site.times('begun')} started {site.times('started')} by hand {pager.repaired_by_hand} in {time.monotonic() - began:.1f} s", flush=True)
    assert site.times("started") <= 1
    return died


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.crashes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--point")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
