# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass report` on the journal of a real runner, and on one that is written for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.journal_on_disk import write_example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site


def test_a_trigger_that_observes(breakglass: Command, site: Site) -> None:
    """What it would have repaired, and the line that lets it act."""
    made = breakglass("report", "--settings", site.place.settings)
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert lines[0].startswith("Triggers from 20")
    assert lines[2:] == [
        "web-service-failed: 1 alert in 1 incident (observe)",
        "  would have been repaired   1",
        "  To let it act: set  mode: act  on web-service-failed.",
    ]


def test_for_programs_and_with_a_period(call: Call, tmp_path: Path) -> None:
    """Without a period it is the last seven days; what is before stays out."""
    journal = write_example(tmp_path / "journal")
    found = json.loads(call("report", "--journal", journal, "--since", "2026-11-22", "--json").stdout)
    assert [(one["trigger"], one["repaired"]["incidents"]) for one in found["triggers"]] == [("web-service-failed", 1)]
    none = call("report", "--journal", journal, "--since", "2026-11-20", "--until", "2026-11-21")
    assert (none.returncode, none.stdout.splitlines()[1]) == (0, "No alert met a trigger.")


def test_what_can_not_be_meant(call: Call, tmp_path: Path) -> None:
    """A moment that is none, and a place without a journal."""
    journal = write_example(tmp_path / "journal")
    odd = call("report", "--journal", journal, "--since", "lately")
    assert (odd.returncode, "is not a moment" in odd.stderr) == (1, True)
    nothing = call("report", "--journal", tmp_path)
    assert (nothing.returncode, "There is no journal in" in nothing.stderr) == (1, True)


def test_the_two_reports_name_each_other(call: Call) -> None:
    """So that nobody takes the one for the other."""
    for words, other in ((["report"], "breakglass audit report"), (["audit", "report"], "says: breakglass report")):
        assert other in " ".join(call(*words, "--help").stdout.split())
