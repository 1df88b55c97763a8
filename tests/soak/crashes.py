# SPDX-License-Identifier: GPL-3.0-or-later
"""Long rounds of crashes: `python -m tests.soak.crashes [--seconds N] [--seed N]`, bounded by its time.

First the runner dies at every point of a life of an incident, before and after every call, one round each; then, as
long as there is time, processes chosen by chance (runner, guard, play, worker, several at once) die at moments chosen by
chance. After each round everything is checked that must hold. Exit code 1 and the seed when it did not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.crash_runner import POINTS
from tests.support.crash_site import CrashSite
from tests.support.traces import below

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.crash_site import Pager

LONGEST_ROUND_SECONDS = 90
AT_THE_START = ("session", "session-ended")  # points that a runner passes when it comes up, never later
LONGEST_LIFE = 40  # no point is passed more often than this in one life of an incident
OF_THE_DATABASE = ("accept", "claim", "commit", "reserve", "written", "announced", "sealed", "session", "session-ended")


def main() -> int:
    """Crash until all points are done and the time is over."""
    given = _arguments()
    print(f"seed {given.seed}", flush=True)
    until = time.monotonic() + given.seconds
    dice = random.Random(given.seed)
    with CrashSite() as site:
        site.start_runner()
        for point in given.points or (() if given.chance else POINTS):
            for side in ("before", "after", "fails") if point in OF_THE_DATABASE else ("before", "after"):
                for nth in range(1, LONGEST_LIFE):
                    if time.monotonic() > until or not crash_at(site, point, side, nth):
                        break
        while not given.points and time.monotonic() < until:
            crash_by_chance(site, dice)
        site.check_end()
    return 0


def crash_at(site: CrashSite, point: str, side: str, nth: int) -> bool:
    """One life of an incident with one crash; False when the life had no such moment."""
    pager = site.break_service()
    site.arm(point, side, nth)
    if point in AT_THE_START:
        site.serving.kill()
    _see_through(site, pager, f"{point} {side} {nth}", lambda: None)
    died = not site.armed.exists()
    site.armed.unlink(missing_ok=True)
    return died


def crash_by_chance(site: CrashSite, dice: random.Random) -> None:
    """One life of an incident with up to three crashes of whatever is there, and one of a runner that recovers."""
    pager = site.break_service()
    moments = sorted(dice.uniform(0, 4) for _ in range(dice.randint(1, 3)))
    began = time.monotonic()
    killed: list[str] = []

    def strike() -> None:
        if moments and time.monotonic() - began > moments[0]:
            moments.pop(0)
            there = sorted({site.serving.pid, *below(site.serving.pid), *site.processes_of_runs()})
            victims = dice.sample(there, dice.randint(1, min(3, len(there))))
            killed.extend("runner" if pid == site.serving.pid else str(pid) for pid in victims)
            if dice.random() < 1 / 2:
                site.arm(dice.choice(list(POINTS)), dice.choice(("before", "after")), dice.randint(1, 4))
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    _see_through(site, pager, "by chance", strike)
    site.armed.unlink(missing_ok=True)
    print(f"         killed {killed}", flush=True)


def _see_through(site: CrashSite, pager: Pager, name: str, strike: Callable[[], None]) -> None:
    """Go on until the incident is closed and sealed, starting a runner for each that dies; then check."""
    began, deaths = time.monotonic(), 0
    while not pager.look() or not site.quiet():
        strike()
        if site.serving.ended() is not None:
            deaths += 1
            site.start_runner()
        time.sleep(0.02)
        assert time.monotonic() - began < LONGEST_ROUND_SECONDS, site.report()
    site.check(pager)
    closed = [event.body["result"] for event in site.events(pager.alert.incident) if event.kind == "incident.closed"]
    by_hand = ", by hand" if pager.repaired_by_hand else ""
    starts = f"{site.times('started')} starts of {site.times('begun')}"
    print(f"{time.monotonic() - began:5.1f} s  {name}: {deaths} deaths, {closed[0]}, {starts}{by_hand}", flush=True)
    assert site.times("started") <= 1, site.report()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.crashes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chance", action="store_true", help="nothing but chance")
    parser.add_argument("points", nargs="*", help="only these, and nothing by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
