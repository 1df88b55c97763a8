# SPDX-License-Identifier: GPL-3.0-or-later
"""How drills are shown to people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from breakglass.domain.drills import Phase
from breakglass.drilling import report_lines, report_objects, verdict
from breakglass.store.drills import DrillRun

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
Passages = tuple[tuple[str, float | None, str, bool], ...]


def went(seconds: float) -> Passages:
    return tuple((phase.value, seconds, "it went well", False) for phase in Phase)


REFUSED: Passages = (
    *(("received", 0.0, "taken in", False), ("matched", 0.1, "met", False), ("approved", 0.1, "yes", False)),
    ("granted", None, "permission denied \x1b[2J", True),
    *((phase.value, None, "not reached", False) for phase in list(Phase)[4:8]),
    ("told", 0.1, "every channel", False),
)


def run(result: str, passages: Passages, weeks: int = 0, name: str = "shop") -> DrillRun:
    at = MONDAY + timedelta(weeks=weeks)
    return DrillRun(
        incident=f"INC-DRILL-{weeks}",
        name=name,
        by="schedule",
        wanted_at=at,
        missed="",
        host="web1",
        check=True,
        begun_at=at,
        ended_at=at,
        result=result,
        passages=passages,
    )


def test_the_report_has_a_row_a_drill_and_says_how_the_last_one_compares() -> None:
    """Seconds of each phase, the median of those that passed, and a sentence for what failed."""
    runs = [
        run("passed", went(1.0)),
        run("passed", went(2.0), 1),
        run("failed", REFUSED, 2),
        run("passed", went(4.0), 3),
    ]
    lines = report_lines(runs)
    assert lines[0].split() == ["drill", "when", "(UTC)", "host", "result", *(phase.value for phase in Phase), "total"]
    assert lines[1].split() == ["shop", "2026-11-16", "09:00", "web1", "passed", *["1.00"] * 9, "9.00"]
    assert lines[3].split()[5:] == ["0.00", "0.10", "0.10", "FAILED", "-", "-", "-", "-", "0.10", "0.30"]
    assert "shop: 3 of 4 passed, median 18.00 s, the last one 36.00 s (+18.00 s)" in lines
    assert lines[-1].startswith("2026-11-30 09:00  INC-DRILL-2  granted: permission denied")
    assert all(line.isprintable() for line in lines)


def test_a_drill_that_never_passed_has_no_median() -> None:
    """And one that is under way is shown as that."""
    lines = report_lines([run("failed", REFUSED), run("", (), 1)])
    assert lines[2].split()[4] == "runs"
    assert "shop: 0 of 1 passed" in lines


def test_without_drills_the_report_says_how_to_run_one() -> None:
    """It is no empty table."""
    assert report_lines([]) == ["No drill was run yet: breakglass drill run NAME"]


def test_each_result_has_its_last_line() -> None:
    """What it is, in a word, and what was wrong."""
    assert verdict(run("passed", went(1.0))) == "PASSED in 9.0 s: INC-DRILL-0"
    assert verdict(run("gave way", ())).startswith("GAVE WAY: something real is at work on web1")
    assert verdict(run("failed", REFUSED)).startswith("FAILED: INC-DRILL-0: granted: permission denied")
    assert verdict(run("failed", ())) == "FAILED: INC-DRILL-0: it did not come to its end"


def test_programs_get_all_that_was_measured() -> None:
    """By names that stay."""
    (found,) = report_objects([run("failed", REFUSED)])
    assert (found["drill"], found["result"], found["check"]) == ("shop", "failed", True)
    phases = found["phases"]
    assert isinstance(phases, list)
    assert phases[3] == {"phase": "granted", "seconds": None, "sentence": "permission denied \x1b[2J", "failed": True}
