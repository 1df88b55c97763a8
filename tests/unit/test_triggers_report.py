# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on triggers, out of a journal on disk: the right days, the runner's own streams, of every runner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.incidents import DAY, HOUR, MINUTE, NOW
from tests.support.journal_on_disk import write_example, write_stream

from breakglass.reading import Story, Troubles
from breakglass.selection import Period
from breakglass.triggers_report import report_on_triggers, runner_streams

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from breakglass.report.by_trigger import PolicyReport

ALERT = {"source": "am", "fingerprint": "f1", "name": "NginxDown", "labels": {}}


def observed(journal: Path, name: str, at: datetime, runner: str = "runner") -> None:
    """An incident that a trigger only observed."""
    opened = {"incident": name, "trigger": "nginx", "owner": "", "mode": "observe", "hosts": [], "policy_digest": ""}
    firing = {**ALERT, "annotations": {}, "starts_at": (at - MINUTE).isoformat()}
    told = [
        ("incident.opened", opened),
        ("alert.firing", firing),
        ("observed", {"would_have_run": "a.b.c", "hosts": []}),
    ]
    write_stream(
        journal,
        f"{at:%Y/%m/%d}/{name}/{runner}",
        [*told, ("incident.closed", {"result": "observed", "seconds": 1})],
        at,
    )


def is_over(journal: Path, at: datetime, runner: str = "runner") -> None:
    write_stream(journal, f"{at:%Y/%m/%d}/{runner}", [("alert.unmatched", {**ALERT, "status": "resolved"})], at)


def report(journal: Path, since: datetime | None = None, until: datetime | None = None) -> PolicyReport:
    troubles = Troubles()
    made = report_on_triggers(journal, Period(since, until), troubles)
    assert troubles.sentences == []
    return made


def test_what_the_example_says(tmp_path: Path) -> None:
    """The repaired incident; an operator's run is nobody's trigger."""
    (trigger,) = report(write_example(tmp_path / "journal")).triggers
    assert (trigger.name, trigger.mode, trigger.alerts) == ("web-service-failed", "act", 1)
    assert len(trigger.repaired) == 1


def test_incidents_that_began_in_the_period(tmp_path: Path) -> None:
    """And no others; that an alert is over may have been heard after it, by another runner, on another day."""
    journal = tmp_path / "journal"
    for days in range(4):
        observed(journal, f"INC-{days}", NOW + days * DAY, f"runner-{days}")
    is_over(journal, NOW + 2 * DAY + HOUR, "runner-b")
    (trigger,) = report(journal, NOW + DAY, NOW + 3 * DAY).triggers
    assert (trigger.incidents, trigger.would) == (2, 2)
    assert trigger.without_us == (25 * 3600 + 60.0, 3600 + 60.0)
    assert report(journal).triggers[0].incidents == 4
    assert report(journal, NOW + 9 * DAY).triggers == ()


def test_which_streams_are_read() -> None:
    """Those that runners write, of days that are not before the period."""
    names = ("runner.jsonl", "runner-a.jsonl", "play-1.jsonl", "credentials-1.jsonl")
    story = Story("INC-A", tuple(f"2026/11/22/INC-A/{name}" for name in names))
    assert runner_streams(story, None) == list(story.streams[:2])
    assert runner_streams(story, NOW) == list(story.streams[:2])
    assert runner_streams(story, NOW + DAY) == []
    assert runner_streams(Story("ledger.jsonl", ("ledger.jsonl",)), None) == []


def test_what_can_not_be_read_is_said(tmp_path: Path) -> None:
    """The rest is reported all the same."""
    journal = write_example(tmp_path / "journal")
    with next(journal.glob("*/*/*/INC-*/runner.jsonl")).open("ab") as stream:
        stream.write(b"nonsense\n")
    troubles = Troubles()
    assert len(report_on_triggers(journal, Period(), troubles).triggers) == 1
    assert len(troubles.sentences) == 1
