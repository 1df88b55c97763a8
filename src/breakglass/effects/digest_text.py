# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest: what was repaired and what else ended, what is open, held and rehearsed; nobody is woken by it.

When nothing happened it says so, in one line: a digest that is silent can't be told from a runner that is dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.incident import Incident, Result
from breakglass.effects.escalation_text import EscalationText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from breakglass.domain.holds import Hold
    from breakglass.store.digests import Period
    from breakglass.store.drills import DrillRun

MOST_LINES = 12
"""Lines of a section; of more, the number is said, and where they are."""
LINE_LIMIT = 240
WHAT_LIMIT = 120
PASSED = "passed"


@dataclass(frozen=True)
class Section:
    """One kind of news.

    Attributes:
        word: What it is called in the subject, after its number.
        one: The same after the number one, where that differs.
        heading: What it is called in the body.
        lines: One for each; texts from outside are in them, and not yet safe to look at.
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
    span = f"{_moment(period.since)} to {_moment(period.until)}"
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
    yield Section("open", "OPEN now", tuple(_open(incident) for incident in still))
    for word, heading, results, told in _KINDS:
        found = [incident for incident in theirs if results(incident)]
        yield Section(word, heading, tuple(told(incident) for incident in found))
    itself = [_named(incident, _people(incident)) for incident in real if incident.course.own]
    yield Section("about the runner itself", "ABOUT the runner itself, over again", tuple(itself))
    well = [run for run in drills if run.result == PASSED]
    yield Section("drills passed", "DRILLS passed", tuple(_drill(run) for run in well), "drill passed")
    badly = tuple(_drill(run) for run in drills if run not in well)
    yield Section("drills not passed", "DRILLS not passed", badly, "drill not passed")
    yield Section("holds", "HOLDS that stand", tuple(str(hold) for hold in holds), "hold")


def _written(section: Section, since: datetime) -> Iterator[str]:
    yield ""
    yield f"{section.heading}: {len(section.lines)}"
    for line in section.lines[:MOST_LINES]:
        yield f"  {_quote(line, LINE_LIMIT)}"
    if len(section.lines) > MOST_LINES:
        yield f"  and {len(section.lines) - MOST_LINES} more. See: {_more(since)}"


def _more(since: datetime) -> str:
    return f"breakglass report --since {since:%Y-%m-%dT%H:%M}"


def _open(incident: Incident) -> str:
    escalation = incident.escalation
    if escalation is None:
        return _named(incident, f"{incident.state.value}{': ' + incident.blocked if incident.blocked else ''}")
    heard = f"acknowledged by {escalation.acknowledged_by}" if escalation.acknowledged_by else "NOT acknowledged"
    return _named(incident, f"{incident.state.value} since {_moment(incident.since)}, {heard}: {escalation.reason}")


def _repaired(incident: Incident) -> str:
    role = incident.course.plan.remediation.rpartition(".")[2] if incident.course.plan else ""
    tries = len(incident.attempts)
    return _named(
        incident, f"{role} in {_span(incident.since - incident.opened_at)}{f', {tries} attempts' if tries > 1 else ''}"
    )


def _observed(incident: Incident) -> str:
    if incident.blocked:
        return _named(incident, f"would NOT have run: {incident.blocked}")
    plan = incident.course.plan
    return _named(incident, f"would have run {plan.remediation.rpartition('.')[2]}" if plan else "")


def _people(incident: Incident) -> str:
    """Why people were called, and who has heard."""
    escalation = incident.escalation
    if escalation is None:
        return incident.course.refusal or incident.blocked
    heard = escalation.acknowledged_by or "nobody"
    return f"{escalation.reason}; acknowledged by {heard}"


def _by_itself(incident: Incident) -> str:
    return _named(incident, f"after {_span(incident.since - incident.opened_at)}")


def _failed(incident: Incident) -> str:
    return _named(incident, _people(incident))


def _cancelled(incident: Incident) -> str:
    return _named(incident, f"by {incident.cancelled_by}")


def _drill(run: DrillRun) -> str:
    seconds = sum(taken or 0.0 for _, taken, _, _ in run.passages)
    failures = "; ".join(f"{phase}: {sentence}" for phase, _, sentence, failed in run.passages if failed)
    how = f"{run.result} in {seconds:.1f} s" if run.result == PASSED else f"{run.result}: {failures or run.missed}"
    return f"{run.incident}  {run.name} on {run.host or 'no host'}  {how}".rstrip(": ")


def _named(incident: Incident, more: str) -> str:
    return f"{incident.id}  {_quote(incident.what, WHAT_LIMIT)}  {more}".rstrip()


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 (two minutes)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _quote(text: str, limit: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is(*results: Result) -> Callable[[Incident], bool]:
    return lambda incident: incident.result in results


_KINDS: tuple[tuple[str, str, Callable[[Incident], bool], Callable[[Incident], str]], ...] = (
    ("repaired", "REPAIRED", _is(Result.REPAIRED), _repaired),
    ("observed", "OBSERVED, nothing was done", _is(Result.OBSERVED), _observed),
    ("resolved without us", "RESOLVED without us", _is(Result.RESOLVED_BY_ITSELF), _by_itself),
    ("refused", "REFUSED, told to people", _is(Result.REFUSED), _failed),
    ("failed", "FAILED, told to people", _is(Result.FAILED), _failed),
    ("unknown", "OUTCOME UNKNOWN, told to people", _is(Result.UNKNOWN), _failed),
    ("cancelled", "CANCELLED", _is(Result.CANCELLED), _cancelled),
    ("lent", "LENT to people, and returned", _is(Result.RETURNED), _by_itself),
)
