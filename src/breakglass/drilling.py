# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a working runner for a drill, waiting for what becomes of it, and telling how drills went; on the runner's machine.

A drill is asked for in the runner's database, as holds are set there: who may write it may ask. Only the runner runs it.
"""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.drills import Measured, Passage, Phase, measure
from breakglass.drills import incident_records
from breakglass.errors import BreakglassError
from breakglass.holding import insist
from breakglass.policy.load import load_policy
from breakglass.policy.scalars import did_you_mean
from breakglass.reception import fresh_drill_id
from breakglass.store.database import Database
from breakglass.store.drills import DrillRuns
from breakglass.store.incidents import Incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from breakglass.remediations import Remediations
    from breakglass.settings import Settings
    from breakglass.store.drills import DrillRun

TAKEN_WITHIN_SECONDS = 15.0
PAUSE_SECONDS = 0.3
PASSED = "passed"
PHASES = tuple(phase.value for phase in Phase)


class FailedDrill(BreakglassError):
    """Raised when a drill can't be asked for, or did not come through."""


@dataclass(frozen=True)
class Drilling:
    """The drills of one installation.

    Attributes:
        settings: Of the installation.
        person: Who asks.
    """

    settings: Settings
    person: str

    def run(self, name: str, within: timedelta, remediations: Remediations, tell: Callable[[str], None]) -> DrillRun:
        """Ask the runner for a drill, tell each phase as it is reached, and give what came of it.

        Raises:
            FailedDrill: There is no such drill, no runner took it, or it was not over in time.
        """
        self._check_name(name, remediations)
        with self._database() as database:
            runs, incident = DrillRuns(database), fresh_drill_id()
            insist(lambda: runs.ask(name, incident, self.person))
            self._await_beginning(runs, incident)
            begun = runs.of(incident)
            if begun is not None and not begun.result:
                how = ", in check mode" if begun.check else ""
                tell(f"{incident}  {name} on {begun.host or 'no host'}{how}")
            return self._await_end(database, incident, within, tell)

    def latest(self, most: int, name: str) -> list[DrillRun]:
        """The newest so many drills, oldest first."""
        with self._database() as database:
            return DrillRuns(database).latest(most, name)

    def _check_name(self, name: str, remediations: Remediations) -> None:
        policy = load_policy(
            self.settings.policy, channels=self.settings.channels, remediations=remediations, groups=None
        )
        known = [drill.name for drill in policy.drills]
        if name not in known:
            raise FailedDrill(f"The policy has no drill {name[:80]}.{did_you_mean(name, known)}")

    @staticmethod
    def _await_beginning(runs: DrillRuns, incident: str) -> None:
        until = time.monotonic() + TAKEN_WITHIN_SECONDS
        while time.monotonic() < until:
            run = runs.of(incident)
            if run is not None and (run.begun_at or run.ended_at):
                return
            time.sleep(PAUSE_SECONDS)
        if runs.withdraw(incident):
            raise FailedDrill(
                f"FAILED at received: no runner took the drill within {TAKEN_WITHIN_SECONDS:.0f} s, so nobody would take an "
                "alert either. Is `breakglass serve` running on this database?"
            )

    def _await_end(self, database: Database, incident: str, within: timedelta, tell: Callable[[str], None]) -> DrillRun:
        runs, incidents, told = DrillRuns(database), Incidents(database), 0
        until = time.monotonic() + within.total_seconds()
        while True:
            run = runs.of(incident)
            document = incidents.show(incident)
            if document is not None:
                measured = measure(incident_records(self.settings.journal.directory, document))
                told = _tell_reached(measured, told, tell)
            if run is not None and run.result:
                _tell_rest(measured_of(run), told, tell)
                return run
            if time.monotonic() > until:
                state = f"it is {document.state.value}" if document else "its alert was not taken in"
                waits = f": {document.blocked}" if document and document.blocked else ""
                raise FailedDrill(
                    f"FAILED: {incident} was not over within {within.total_seconds():.0f} s; {state}{printable(waits)}. It goes "
                    "on; see: breakglass drill report"
                )
            time.sleep(PAUSE_SECONDS)

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database.beside(*self.settings.database)
        try:
            yield database
        finally:
            database.close()


def measured_of(run: DrillRun) -> Measured:
    """What was measured of a drill that is over."""
    return Measured(tuple(Passage(Phase(phase), *rest) for phase, *rest in run.passages))  # type: ignore[arg-type]


def verdict(run: DrillRun) -> str:
    """The last line of `drill run`."""
    measured = measured_of(run)
    if run.result == PASSED:
        return f"PASSED in {measured.seconds:.1f} s: {run.incident}"
    if run.result == "gave way":
        never = (one.sentence for one in measured.failures if one.phase is Phase.MATCHED)
        found = next(never, f"something real is at work on {run.host}")
        return f"GAVE WAY: {printable(found)}, so the drill ended ({run.incident}). Run it again later."
    failures = (
        "; ".join(f"{one.phase.value}: {one.sentence}" for one in measured.failures) or "it did not come to its end"
    )
    return f"FAILED: {run.incident}: {printable(failures)}"


def report_lines(runs: Sequence[DrillRun]) -> list[str]:
    """The trend: a row for each drill with the seconds of its phases, their medians, and a sentence for each failure."""
    if not runs:
        return ["No drill was run yet: breakglass drill run NAME"]
    wide = max(len(run.name) for run in runs)
    host = max(*(len(run.host) for run in runs), len("host"))
    numbers = "".join(f"{phase:>10}" for phase in PHASES)
    lines = [f"{'drill':<{wide}}  {'when (UTC)':<16}  {'host':<{host}}  {'result':<8}{numbers}{'total':>10}"]
    for run in runs:
        measured = measured_of(run)
        total = f"{measured.seconds:>10.2f}" if measured.passages else ""
        when, result = f"{run.wanted_at:%Y-%m-%d %H:%M}", run.result or "runs"
        lines.append(
            f"{run.name:<{wide}}  {when}  {run.host or '-':<{host}}  {result:<8}{''.join(_seconds(measured))}{total}".rstrip()
        )
    lines += ["", *_medians(runs), *_failures(runs)]
    return [printable(line) for line in lines]


def report_objects(runs: Sequence[DrillRun]) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {
            "drill": run.name,
            "incident": run.incident,
            "by": run.by,
            "wanted_at": run.wanted_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            "host": run.host,
            "check": run.check,
            "result": run.result,
            "phases": [
                {"phase": phase, "seconds": seconds, "sentence": sentence, "failed": failed}
                for phase, seconds, sentence, failed in run.passages
            ],
        }
        for run in runs
    ]


def _seconds(measured: Measured) -> Iterator[str]:
    for passage in measured.passages:
        yield (
            f"{'FAILED':>10}"
            if passage.failed
            else f"{'-':>10}"
            if passage.seconds is None
            else f"{passage.seconds:>10.2f}"
        )


def _medians(runs: Sequence[DrillRun]) -> Iterator[str]:
    """Per drill: the median of those that passed, and how the last one compares."""
    for name in dict.fromkeys(run.name for run in runs):
        mine = [run for run in runs if run.name == name and run.result]
        totals = [measured_of(run).seconds for run in mine if run.result == PASSED]
        line = f"{name}: {len(totals)} of {len(mine)} passed"
        if totals:
            median = statistics.median(totals)
            line += f", median {median:.2f} s, the last one {totals[-1]:.2f} s ({totals[-1] - median:+.2f} s)"
        yield line


def _failures(runs: Sequence[DrillRun]) -> Iterator[str]:
    for run in runs:
        for passage in measured_of(run).failures:
            yield f"{run.wanted_at:%Y-%m-%d %H:%M}  {run.incident}  {passage.phase.value}: {passage.sentence}"


def _tell_reached(measured: Measured, told: int, tell: Callable[[str], None]) -> int:
    """Tell the phases that were reached since, in order; returns how many are told."""
    for passage in measured.passages[told:]:
        if passage.seconds is None:
            break
        tell(_line(passage))
        told += 1
    return told


def _tell_rest(measured: Measured, told: int, tell: Callable[[str], None]) -> None:
    for passage in measured.passages[told:]:
        tell(_line(passage))


def _line(passage: Passage) -> str:
    taken = f"+{passage.seconds:.3f} s" if passage.seconds is not None else ""
    failed = "FAILED: " if passage.failed else ""
    return f"  {passage.phase.value:<10} {taken:<11} {failed}{printable(passage.sentence)}"
