# SPDX-License-Identifier: GPL-3.0-or-later
"""Long rounds of kill -9 against the record: `python -m tests.soak.recording [--rounds N] [--seed N] [--seconds N]`.

Each round is one life of an incident in which play, shipper and runner die at random moments, up to four deaths a round,
while a receiver loses replies, resets connections and answers 500.
After each one everything must hold that an auditor relies on: whatever was once a whole line of the journal is there,
once; it is in both sinks at least once, unchanged; a half line left by a death is closed by a signed record; a task
without a result is called unknown. Bounded by rounds and time. Writes benchmarks/results/soak-recording.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from tests.support.recorded_site import RecordedSite
from tests.support.traces import all_events, wait_until

if TYPE_CHECKING:
    from tests.support.crash_site import Pager

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-recording.json"
ROUNDS = 200
LONGEST_SECONDS = 5400
LONGEST_ROUND_SECONDS = 90
LONGEST_SHIPPING_SECONDS = 60
VICTIMS = ("play", "shipper", "runner")
WEIGHTS = (3, 2, 2)
LATEST_SECONDS = {"play": 1.6, "shipper": 2.5, "runner": 2.5}


@dataclass
class Strike:
    """One death that is due.

    Attributes:
        victim: Who dies.
        delay: Seconds after the victim was first seen.
        seen_at: When that was; 0 before.
    """

    victim: str
    delay: float
    seen_at: float = 0.0


@dataclass
class Tally:
    """What has happened so far."""

    rounds: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    escaped: Counter[str] = field(default_factory=Counter)
    """Deaths that were due when the victim had gone already."""
    torn: list[tuple[int, str]] = field(default_factory=list)
    unknown: int = 0


def main() -> int:
    """Go through the rounds, check the whole at the end, and write the result."""
    given = _arguments()
    print(f"seed {given.seed}", flush=True)
    dice, tally, began = random.Random(given.seed), Tally(), time.monotonic()
    described = machine.describe()
    with RecordedSite() as site:
        site.start_runner()
        while tally.rounds < given.rounds and time.monotonic() - began < given.seconds:
            one_round(site, dice, tally)
        site.check_end()
        _await_shipped(site)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": described,
            "seed": given.seed,
            **_summary(site, tally),
            "seconds": round(time.monotonic() - began),
        }
    print(json.dumps(result, indent=2))
    if given.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def one_round(site: RecordedSite, dice: random.Random, tally: Tally) -> None:
    """One life of an incident and its deaths, then all checks."""
    strikes = [
        Strike(victim, dice.uniform(0, LATEST_SECONDS[victim]))
        for victim in dice.choices(VICTIMS, k=dice.randint(1, 4))
    ]
    site.trouble_receiver(dice)
    pager, began, torn = site.break_service(), time.monotonic(), []
    while not pager.look() or not site.quiet():
        if strikes and _strike(site, strikes[0], dice):
            tally.killed[strikes.pop(0).victim] += 1
        if site.serving.ended() is not None:
            site.witness.look()
            if pager.alert.incident and dice.random() < 1 / 2 and (half := site.tear(pager.alert.incident, dice)):
                torn.append(half)
            site.start_runner()
        time.sleep(0.02)
        assert time.monotonic() - began < LONGEST_ROUND_SECONDS, site.report()
    tally.escaped.update(strike.victim for strike in strikes)
    _check(site, pager, tally, torn)
    tally.rounds += 1
    print(
        f"{tally.rounds:4} {time.monotonic() - began:5.1f} s  {dict(tally.killed)} torn {len(tally.torn)}", flush=True
    )


def _strike(site: RecordedSite, strike: Strike, dice: random.Random) -> bool:
    """Kill the victim if it is due and there."""
    there = _pids(site, strike.victim)
    if there and not strike.seen_at:
        strike.seen_at = time.monotonic()
    if not there or time.monotonic() - strike.seen_at < strike.delay:
        return False
    site.witness.look()
    for pid in dice.sample(there, dice.randint(1, len(there))):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def _pids(site: RecordedSite, victim: str) -> list[int]:
    if victim == "runner":
        return [site.serving.pid] if site.serving.ended() is None else []
    return site.players() if victim == "play" else site.shippers()


def _check(site: RecordedSite, pager: Pager, tally: Tally, torn: list[tuple[int, str]]) -> None:
    site.check(pager)
    _await_shipped(site)
    for half in torn:
        wait_until(lambda: _why_unsigned(site, half) == "", 10, lambda: _why_unsigned(site, half) + site.report())  # noqa: B023
    tally.torn += torn
    tally.unknown += site.check_unknown(pager.alert.incident)


def _why_unsigned(site: RecordedSite, half: tuple[int, str]) -> str:
    """What is not yet as it must be with the record about a half line; empty once all is."""
    site.witness.look()
    try:
        site.check_recovered(half)
    except (AssertionError, ValueError) as error:
        return f"The half line {half} is not closed by a signed record: {error!r}. "
    return ""


def _await_shipped(site: RecordedSite) -> None:
    """Wait until both sinks have all that is in the journal by now."""
    site.witness.look()
    missing = site.not_shipped
    wait_until(lambda: not missing(), LONGEST_SHIPPING_SECONDS, lambda: f"not shipped: {missing()[:9]} {site.report()}")


def _summary(site: RecordedSite, tally: Tally) -> dict[str, object]:
    recovered = [event for event in all_events(site) if event.kind == "stream.recovered"]
    return {
        "rounds": tally.rounds,
        "killed": dict(sorted(tally.killed.items())),
        "died_before_their_kill": dict(sorted(tally.escaped.items())),
        "records": len(site.witness.ids),
        "lost": len(site.not_shipped()),
        "duplicates": {
            name: sum(kept.values()) - len(kept) for name, kept in (("http", site.in_http()), ("file", site.in_file()))
        },
        "torn_by_the_trial": len(tally.torn),
        "recovered_records": len(recovered),
        "tasks_of_unknown_outcome": tally.unknown,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.recording", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=LONGEST_SECONDS)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave the result file alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
