# SPDX-License-Identifier: GPL-3.0-or-later
"""Two thousand incidents in one process: `python -m tests.soak.endurance [--incidents N] [--seconds N] [--seed N]`.

What becomes of each is chosen by chance: repaired, failed, cancelled in the middle, its play killed, observed, refused, held, resolved
before anything began, with repeated messages, and now and then without Vault for a moment. Every hundred incidents the runner is
let come to rest and weighed. Nothing may grow: memory, descriptors, threads, processes, temporary files, locks. Bounded by time;
writes benchmarks/results/soak-endurance.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from tests.support.endurance_site import HOSTS, EnduranceSite, Weight
from tests.support.traces import living_tokens, wait_until

from breakglass.demo.alertmanager import RefusedWebhook
from breakglass.domain.holds import Scope
from breakglass.errors import BreakglassError
from breakglass.holding import Target

if TYPE_CHECKING:
    from breakglass.demo.serving import Serving

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-endurance.json"
ROUND = 100
LONGEST_SECONDS = 5400
LONGEST_LIFE_SECONDS = 180
REST_SECONDS = 120
AT_ONCE = 6
FATES = {"works": 3, "fails": 1, "cancelled": 1, "killed": 1, "observes": 4, "refused": 3, "young": 4, "held": 1}
ALERTS = {"cancelled": "takes_long", "killed": "takes_long", "held": "works", "refused": "works"}
WITH_A_PLAY = ("works", "fails", "cancelled", "killed")
ALLOWED = {"memory_kib": 12 * 1024, "descriptors": 6, "threads": 3, "processes": 1, "files": 8, "locks": 2}
"""So much more may be there at the end than after the warm-up: what comes and goes by the moment, and no leak of one in a hundred incidents."""


@dataclass
class Life:
    """One incident under way.

    Attributes:
        fate: What shall become of it.
        host: Where, if on a host that is known.
        number: Of this trial.
        incident: Its id.
        began: When, by the monotonic clock.
        acts_at: When what is done to it is due, once it runs.
        status: What its sender says of the alert.
        done: Whether what was to be done to it was done.
        since: When its alert began to fire.
    """

    fate: str
    host: str
    number: int
    incident: str = ""
    began: float = field(default_factory=time.monotonic)
    acts_at: float = 0.0
    status: str = "firing"
    done: bool = False
    since: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


class Trial:
    """All lives, one after the other and six at once."""

    def __init__(self, site: EnduranceSite, runner: Serving, dice: random.Random) -> None:
        self._site = site
        self._runner = runner
        self._dice = dice
        self._number = 0
        self.fates: Counter[str] = Counter()
        self.cuts = 0

    def round(self, count: int, until: float) -> int:
        """So many incidents, to their ends; fewer when the time is over. Returns how many there were."""
        lives: list[Life] = []
        begun = 0
        while lives or (begun < count and time.monotonic() < until):
            if begun < count and len(lives) < AT_ONCE and time.monotonic() < until:
                lives.append(self._begin({life.host for life in lives}))
                begun += 1
                self._trouble()
            states = self._site.open_states()
            lives = [life for life in lives if not self._look(life, states)]
            time.sleep(0.05)
        wait_until(self._site.is_quiet, REST_SECONDS, lambda: f"it does not come to rest: {self._site.open_states()}")
        return begun

    def _begin(self, taken: set[str]) -> Life:
        fate = self._dice.choices(list(FATES), list(FATES.values()))[0]
        host = self._dice.choice([host for host in HOSTS if host not in taken])
        self._number += 1
        self.fates[fate] += 1
        life = Life(fate, host, self._number)
        if fate == "held":
            self._site.ask.set(Target(Scope.HOST, (host,)), f"trial {life.number}")
        for _ in range(self._dice.randint(1, 3)):
            self._post(life)
        return life

    def _look(self, life: Life, states: dict[str, str]) -> bool:
        """Do what is due now; True when it is closed."""
        state = states.get(life.incident)
        if state == "running" and life.fate in ("cancelled", "killed") and not life.done:
            life.acts_at = life.acts_at or time.monotonic() + self._dice.uniform(0, 2)
            if time.monotonic() >= life.acts_at:
                self._act(life)
        over = state in ("verifying", "escalated") or (life.fate in ("young", "observes") and life.incident)
        if over and life.status == "firing":
            life.status = "resolved"
            self._post(life)
        assert time.monotonic() - life.began < LONGEST_LIFE_SECONDS, f"{life} does not end: {state}"
        if life.incident and state is None:
            if life.fate == "held":
                self._site.ask.lift(Target(Scope.HOST, (life.host,)), f"trial {life.number}")
            if life.status == "firing":
                life.status = "resolved"
                self._post(life)
            return True
        return False

    def _act(self, life: Life) -> None:
        life.done = True
        if life.fate == "cancelled":
            with suppress(BreakglassError):  # it may have come to its end meanwhile
                self._site.ask.revoke(life.incident, f"trial {life.number}")
            return
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                story = self._story_of(process)
                if story and life.incident in story:
                    os.kill(int(process.name), signal.SIGKILL)
                    return
        life.done = False  # its play is not there yet

    def _story_of(self, process: Path) -> str:
        """Which incident a play process works for; empty for any other process."""
        line = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        if "breakglass.effects.play_process" not in line or str(self._site.scratch) not in line[-2]:
            return ""
        return (Path(line[-2]) / "run.json").read_text(encoding="utf-8")

    def _post(self, life: Life) -> None:
        """Until it is taken, as Alertmanager does."""
        instance = "nobody-knows" if life.fate == "refused" else life.host
        labels = {"alertname": ALERTS.get(life.fate, life.fate), "instance": instance}
        body = self._site.alert(life.status, labels=labels, fingerprint=f"{life.number:016x}")
        body["groupKey"] = str(life.number)
        body["alerts"][0]["startsAt"] = life.since  # type: ignore[index]
        while True:
            with suppress(RefusedWebhook):
                life.incident = self._site.post(self._runner.url, body) or life.incident
                return
            time.sleep(0.2)

    def _trouble(self) -> None:
        """Once in fifty incidents Vault is away for a moment."""
        if self._dice.random() < 1 / 50:
            self.cuts += 1
            self._site.proxy.refuse()
            time.sleep(self._dice.uniform(0.2, 1.5))
            self._site.proxy.pass_on()


def main() -> int:
    """Go through all incidents, weigh, write the result, and say whether anything grew."""
    given = _arguments()
    print(f"seed {given.seed}", flush=True)
    described, began = machine.describe(), time.monotonic()
    weights: list[tuple[int, Weight]] = []
    with EnduranceSite() as site:
        with site.runner() as runner:
            trial, done, until = Trial(site, runner, random.Random(given.seed)), 0, began + given.seconds
            while done < given.incidents and time.monotonic() < until:
                done += trial.round(min(ROUND, given.incidents - done), until)
                assert site.can_write(), "somebody has left the database locked"
                weights.append((done, _at_rest(site, runner)))
                print(f"{done:5} {time.monotonic() - began:6.0f} s  {asdict(weights[-1][1])}", flush=True)
            results = site.results()
        assert living_tokens(site) == {}, "tokens live on"
        verified = site.verify()
        assert verified.exit_code == 0, verified.text()
    growth = grown([weight for _, weight in weights])
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "seed": given.seed,
        "incidents": done,
        "asked_for": given.incidents,
        "seconds": round(time.monotonic() - began),
        "fates": dict(sorted(trial.fates.items())),
        "results": dict(sorted(results.items())),
        "times_without_vault": trial.cuts,
        "grown_after_the_warm_up": growth,
        "weights": [{"incidents": number, **asdict(weight)} for number, weight in weights],
    }
    print(json.dumps({key: value for key, value in result.items() if key != "weights"}, indent=2))
    if given.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    too_much = {name: by for name, by in growth.items() if name in ALLOWED and by > ALLOWED[name]}
    if too_much:
        print(f"It grows: {too_much}", file=sys.stderr)
    return 1 if too_much else 0


def grown(weights: list[Weight]) -> dict[str, float]:
    """How much more there is in the last quarter than in the first after the warm-up (one round), as medians; none of too few."""
    rounds = [asdict(weight) for weight in weights[1:]]
    quarter = max(len(rounds) // 4, 1)
    if len(rounds) < 2:
        return {}
    return {
        name: statistics.median(one[name] for one in rounds[-quarter:])
        - statistics.median(one[name] for one in rounds[:quarter])
        for name in rounds[0]
    }


def _at_rest(site: EnduranceSite, runner: Serving) -> Weight:
    """The lightest of some looks: the spare play process comes up, and threads end, a moment later."""
    looks = []
    for _ in range(6):
        time.sleep(0.5)
        looks.append(site.weigh(runner))
    return min(looks, key=lambda look: (look.processes, look.descriptors, look.threads))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.endurance", description=__doc__)
    parser.add_argument("--incidents", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=LONGEST_SECONDS)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave the result file alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
