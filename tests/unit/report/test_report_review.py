# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report on an override says of its review, which stands in the stream of a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.incidents import DAY, NOW
from tests.support.journal_on_disk import append, write_example, write_stream

from breakglass.formats import Form
from breakglass.reading import find_story
from breakglass.reporting import Reporter, written
from breakglass.verification import Witnesses

if TYPE_CHECKING:
    from pathlib import Path

OVERRIDE = [
    ("incident.opened", {"trigger": "web-by-hand", "hosts": ["web1"]}),
    ("override.used", {"by": "ada", "why": "the shop is down", "skipped": ["security"]}),
    ("incident.closed", {"result": "returned", "seconds": 60}),
]
JUDGED = {"incident": "INC-NEW1", "by": "eve", "verdict": "justified", "note": "it was | down"}


def report(journal: Path, incident: str) -> str:
    reporter = Reporter(journal, Witnesses(None, None, offline=True), {}, NOW + DAY)
    return written(reporter.on_case(find_story(journal, incident))[0], Form.MARKDOWN)


def test_who_judged_it_and_what_they_said(tmp_path: Path) -> None:
    """And before that, that nobody has; what is said of others is not told."""
    journal = write_example(tmp_path / "journal")
    write_stream(journal, "2026/11/22/INC-NEW1/runner", OVERRIDE)
    append(journal, "2026/11/22/runner", "review.given", {**JUDGED, "incident": "INC-OTHER"}, NOW)
    assert "nobody has judged that yet" in report(journal, "INC-NEW1")
    append(journal, "2026/11/22/runner", "review.given", JUDGED, NOW)
    told = report(journal, "INC-NEW1")
    assert "## Review" in told
    (row,) = [line for line in told.splitlines() if "`eve`" in line and line.startswith("|")]
    assert ("justified" in row, "it was" in row, "2026/11/22/runner.jsonl" in row) == (True, True, True)
    assert "INC-OTHER" not in told


def test_what_was_approved_has_no_review(tmp_path: Path) -> None:
    """Nothing is said of one."""
    journal = write_example(tmp_path / "journal")
    write_stream(journal, "2026/11/22/INC-NEW1/runner", [OVERRIDE[0], OVERRIDE[2]])
    assert "Review" not in report(journal, "INC-NEW1")
