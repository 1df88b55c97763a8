# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest: what was repaired and what else ended, what is open, held and rehearsed; nobody is woken by it.

When nothing happened it says so, in one line: a digest that is silent can't be told from a runner that is dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.incident import Result
from breakglass.effects.escalation_text import EscalationText
from breakglass.news import PASSED, cut, drill_line, ended_line, moment_words, open_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from breakglass.domain.holds import Hold
    from breakglass.store.digests import Period
    from breakglass.store.drills import DrillRun

MOST_LINES = 12
"""Lines of a section; of more, the number is said, and where they are."""
LINE_LIMIT = 240


@dataclass(frozen=True)
class Section:
    """One kind of news.

    Attributes:
        word: What it is called in the subject, after its number.
        heading: What it is called in the body.
        lines: One for each; texts from outside are in them, and not yet safe to look at.
        one: What it is called after the number one, where that differs.
    """

    word: str
    heading: str
    lines: tuple[str, ...]
    one: str = ""

    @property
    def counted(self) -> str:
        """Its number and its word."""
        return f"{len(self.lines)} {self.one if self.one and len(self.lines) == 1 else self.word}"


def digest_text(period: Period, drills: Sequence[DrillRun], holds: Sequence[Hold]) -> EscalationText:
    """Write the digest of a period: what ended in it, the drills that ended in it, and the holds that stand at its end."""
    sections = [section for section in _sections(period, drills, holds) if section.lines]
    span = f"{moment_words(period.since)} to {moment_words(period.until)}"
    if not sections and not period.unread:
        return EscalationText(
            "breakglass digest: nothing happened",
            f"From {span} no incident ended, none is open, no drill ended and no hold stands.",
        )
    counted = [section.counted for section in sections]
    if period.unread:
        counted.append(f"{period.unread} not listed")
    body = [f"DIGEST  {span}", *(line for section in sections for line in _written(section, period.since))]
    if period.unread:
        body.append(f"{period.unread} more incidents ended, or can't be read. See: {_more(period.since)}")
    return EscalationText(f"breakglass digest: {', '.join(counted)}", "\n".join(body))


def counts(period: Period, drills: Sequence[DrillRun], holds: Sequence[Hold]) -> dict[str, int]:
    """How many of each kind there are, for the journal."""
    found = {section.word: len(section.lines) for section in _sections(period, drills, holds)}
    return {word: number for word, number in {**found, "not listed": period.unread}.items() if number}


def _sections(period: Period, drills: Sequence[DrillRun], holds: Sequence[Hold]) -> Iterator[Section]:
    real = [incident for incident in period.ended if not incident.course.drill]
    theirs = [incident for incident in real if not incident.course.own]
    still = [incident for incident in period.open if not incident.course.drill]
    yield Section("open", "OPEN now", tuple(open_line(incident) for incident in still))
    for word, heading, result in _KINDS:
        found = [incident for incident in theirs if incident.result is result]
        yield Section(word, heading, tuple(ended_line(incident) for incident in found))
    itself = tuple(ended_line(incident) for incident in real if incident.course.own)
    yield Section("about the runner itself", "ABOUT the runner itself, over again", itself)
    well = tuple(drill_line(run) for run in drills if run.result == PASSED)
    badly = tuple(drill_line(run) for run in drills if run.result != PASSED)
    yield Section("drills passed", "DRILLS passed", well, "drill passed")
    yield Section("drills not passed", "DRILLS not passed", badly, "drill not passed")
    yield Section("holds", "HOLDS that stand", tuple(str(hold) for hold in holds), "hold")


def _written(section: Section, since: datetime) -> Iterator[str]:
    yield ""
    yield f"{section.heading}: {len(section.lines)}"
    for line in section.lines[:MOST_LINES]:
        yield f"  {cut(line, LINE_LIMIT)}"
    if len(section.lines) > MOST_LINES:
        yield f"  and {len(section.lines) - MOST_LINES} more. See: {_more(since)}"


def _more(since: datetime) -> str:
    return f"breakglass report --since {since:%Y-%m-%dT%H:%M}"


_KINDS = (
    ("repaired", "REPAIRED", Result.REPAIRED),
    ("observed", "OBSERVED, nothing was done", Result.OBSERVED),
    ("resolved without us", "RESOLVED without us", Result.RESOLVED_BY_ITSELF),
    ("refused", "REFUSED, told to people", Result.REFUSED),
    ("failed", "FAILED, told to people", Result.FAILED),
    ("unknown", "OUTCOME UNKNOWN, told to people", Result.UNKNOWN),
    ("cancelled", "CANCELLED", Result.CANCELLED),
    ("lent", "LENT to people, and returned", Result.RETURNED),
)
