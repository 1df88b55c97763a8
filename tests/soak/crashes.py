# SPDX-License-Identifier: GPL-3.0-or-later
"""Long rounds of crashes: `python -m tests.soak.crashes [--rounds N] [--seconds N] [--seed N]`, bounded by its time.

First, in a hundred rounds, processes chosen by chance (runner, guard, play, worker, several at once) die at moments chosen by
chance; then the runner dies at every point of a life of an incident, before and after every call, one round each, as long as there is
time. After each round everything is checked that must hold. Writes benchmarks/results/soak-crashes.json; exit code 1 and the seed when something did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from tests.support.crash_runner import POINTS
from tests.support.crash_site import CrashSite
from tests.support.starts import done_twice
from tests.support.traces import below

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.crash_site import Pager

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-crashes.json"
LONGEST_SECONDS = 5400
LONGEST_ROUND_SECONDS = 90
AT_THE_START = ("session", "session-ended")  # points that a runner passes when it comes up, never later
LONGEST_LIFE = 40  # no point is passed more often than this in one life of an incident
OF_THE_DATABASE = ("accept", "claim", "commit", "reserve", "written", "announced", "sealed", "session", "session-ended")


@dataclass
class Done:
    """What there was: in lives of an incident, deaths of a runner, and seconds of the longest life."""

    at_points: int = 0
    by_chance: int = 0
    deaths: int = 0
    repaired_by_hand: int = 0
    longest_seconds: float = 0.0
    results: dict[str, int] = field(default_factory=dict)


def main() -> int:
    """Crash by chance, then at all points, and write what there was; raises where something did not hold."""
    given = _arguments()
    print(f"seed {given.seed}", flush=True)
    described, began, done = machine.describe(), time.monotonic(), Done()
    until = began + given.seconds
    with CrashSite() as site:
        site.start_runner()
        dice = random.Random(given.seed)
        while not given.points and done.by_chance < given.rounds and time.monotonic() < until:
            crash_by_chance(site, done, dice)
        crash_at_points(site, done, given.points or ([] if given.chance else list(POINTS)), until)
        site.check_end()
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "seed": given.seed,
        "asked_for_by_chance": given.rounds,
        **asdict(done),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(result, indent=2))
    if given.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def crash_at_points(site: CrashSite, done: Done, points: Sequence[str], until: float) -> None:
    """One life for each moment of each point, on each of its sides."""
    for point in points:
        for side in ("before", "after", "fails") if point in OF_THE_DATABASE else ("before", "after"):
            for nth in range(1, LONGEST_LIFE):
                if time.monotonic() > until or not crash_at(site, done, point, side, nth):
                    break


def crash_at(site: CrashSite, done: Done, point: str, side: str, nth: int) -> bool:
    """One life of an incident with one crash; False when the life had no such moment."""
    pager = site.break_service()
    site.arm(point, side, nth)
    if point in AT_THE_START:
        site.serving.kill()
    _see_through(site, pager, done, f"{point} {side} {nth}", lambda: None)
    died = not site.armed.exists()
    done.at_points += died
    site.armed.unlink(missing_ok=True)
    return died


def crash_by_chance(site: CrashSite, done: Done, dice: random.Random) -> None:
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

    _see_through(site, pager, done, "by chance", strike)
    site.armed.unlink(missing_ok=True)
    done.by_chance += 1
    print(f"         killed {killed}", flush=True)


def _see_through(site: CrashSite, pager: Pager, done: Done, name: str, strike: Callable[[], None]) -> None:
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
    events = site.events(pager.alert.incident)
    closed = [event.body["result"] for event in events if event.kind == "incident.closed"]
    took = time.monotonic() - began
    done.deaths += deaths
    done.results[closed[0]] = done.results.get(closed[0], 0) + 1
    done.repaired_by_hand += bool(pager.repaired_by_hand)
    done.longest_seconds = max(done.longest_seconds, round(took, 1))
    by_hand = ", by hand" if pager.repaired_by_hand else ""
    starts = f"{site.times('started')} starts of {site.times('begun')}"
    print(f"{took:5.1f} s  {name}: {deaths} deaths, {closed[0]}, {starts}{by_hand}", flush=True)
    twice = done_twice(site.times("started"), events, idempotent=True)  # restart_service says that it is
    assert not twice, f"{twice}: {site.report()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.crashes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="by chance")
    parser.add_argument("--seconds", type=float, default=LONGEST_SECONDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chance", action="store_true", help="nothing but chance")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave the result file alone")
    parser.add_argument("points", nargs="*", help="only these, and nothing by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
