# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a journal for the report on triggers: the runner's own streams of a period, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.reading import records_by_time, stories
from breakglass.report.by_trigger import Elsewhere, PolicyReport, policy_report
from breakglass.report.outcome import Outcome, outcome_of
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from breakglass.reading import Story, Troubles
    from breakglass.selection import Period
    from breakglass.timeline import Event

INCIDENT, RUNNER = "INC-", "runner"


def report_on_triggers(journal: Path, period: Period, troubles: Troubles) -> PolicyReport:
    """Report on all incidents that began in a period; `troubles` takes what could not be read."""
    outcomes: list[Outcome] = []
    elsewhere = Elsewhere()
    for story in stories(journal):
        streams = runner_streams(story, period.since)
        if story.name.startswith(INCIDENT):
            outcome = outcome_of(story.name, _events(journal, streams, troubles)) if streams else None
            if outcome is not None and period.holds(outcome.began):
                outcomes.append(outcome)
        else:
            for event in _events(journal, streams, troubles):
                elsewhere.take(event, counts=period.holds(event.at))
    return policy_report(str(period), outcomes, elsewhere)


def runner_streams(story: Story, since: datetime | None) -> list[str]:
    """The streams of a story that a runner writes, if its day is not over before the period; a path begins with its day."""
    first = f"{since:%Y/%m/%d}" if since else ""
    return [
        stream
        for stream in story.streams
        if stream[: len(first)] >= first and stream.rpartition("/")[2].startswith(RUNNER) and "/" in stream
    ]


def _events(journal: Path, streams: Sequence[str], troubles: Troubles) -> Iterator[Event]:
    return (event_of(record) for record in records_by_time(journal, streams, troubles))
