# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for who owns triggers and for who is on call: what each trigger did, or would have done, and what people did."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.domain.incident import Result
from breakglass.domain.rules import Mode
from breakglass.news import span_words
from breakglass.report.outcome import FIRING_FOR, fault_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from breakglass.report.outcome import Fault, Outcome
    from breakglass.timeline import Event

MOST_NAMES = 5
WIDE = 26
LONGEST_NAME = 80
_BADLY = (Result.FAILED.value, Result.UNKNOWN.value)


@dataclass
class Elsewhere:
    """Records that belong to no incident: alerts that met no trigger, and that an alert is over which nobody waits for.

    Attributes:
        unmatched: Names of alerts that met no trigger, with their number.
        over: When each alert was heard to be over, in order.
        drills: Results of drills.
    """

    unmatched: Counter[str] = field(default_factory=Counter)
    over: dict[Fault, list[datetime]] = field(default_factory=dict)
    drills: Counter[str] = field(default_factory=Counter)

    def take(self, event: Event, *, counts: bool) -> None:
        """Take one more record; of one outside of the period only the end of an alert is of use."""
        if event.kind == "alert.unmatched" and plain(event.body.get("status")) == "resolved":
            self.over.setdefault(fault_of(event), []).append(event.at)
        elif event.kind == "alert.unmatched" and counts:
            self.unmatched[plain(event.body.get("name"))] += 1
        elif event.kind == "drill.ended" and counts:
            self.drills[plain(event.body.get("result"))] += 1


@dataclass(frozen=True)
class TriggerReport:
    """One trigger in a period. Spans are in seconds, from the beginning of the alert.

    Attributes:
        name: Of the trigger.
        mode: As it was last.
        alerts: That met it.
        incidents: That they opened.
        would: Incidents that would have been repaired, if it might act.
        repaired: How long each repair took from the alert to the verification.
        waited: Incidents that had to wait, by reason; that an alert must fire for a while is left out.
        refused: Incidents that were not repaired because something forbade it, by reason.
        failed: Incidents in which a repair failed, or nobody knows its outcome.
        cancelled: Incidents that a person ended.
        open: Incidents that are not over.
        by_itself: How long the alerts lasted that were over before anything was tried.
        by_people: How long those lasted that were over after people had been called, or that a person closed.
        verdicts: What people said that those were which they closed.
        without_us: How long those lasted about which the trigger only observed, as far as their end was heard.
        called: Incidents in which people were called.
        acknowledged: How long it took each time until somebody said that they know, from the call.
    """

    name: str
    mode: str
    alerts: int
    incidents: int
    would: int
    repaired: tuple[float, ...]
    waited: Counter[str]
    refused: Counter[str]
    failed: int
    cancelled: int
    open: int
    by_itself: tuple[float, ...]
    by_people: tuple[float, ...]
    verdicts: Counter[str]
    without_us: tuple[float, ...]
    called: int
    acknowledged: tuple[float, ...]


@dataclass(frozen=True)
class PolicyReport:
    """All triggers of a period, and what met none.

    Attributes:
        period: In words.
        triggers: By the number of their alerts, most first.
        itself: Alerts of our own, by name.
        requests: Grants that people asked for.
        elsewhere: What belongs to no incident.
    """

    period: str
    triggers: tuple[TriggerReport, ...]
    itself: Counter[str]
    requests: int
    elsewhere: Elsewhere


def policy_report(period: str, outcomes: Sequence[Outcome], elsewhere: Elsewhere) -> PolicyReport:
    """Count the incidents of a period; `elsewhere` has what was recorded beside them, since its beginning."""
    ours = [outcome for outcome in outcomes if outcome.kind == "alert"]
    names = dict.fromkeys(outcome.trigger for outcome in ours)
    triggers = [_trigger(name, [one for one in ours if one.trigger == name], elsewhere) for name in names]
    triggers.sort(key=lambda trigger: (-trigger.alerts, trigger.name))
    return PolicyReport(
        period=period,
        triggers=tuple(triggers),
        itself=Counter(one.trigger for one in outcomes if one.kind == "own"),
        requests=sum(one.kind == "request" for one in outcomes),
        elsewhere=elsewhere,
    )


def report_lines(report: PolicyReport) -> Iterator[str]:
    """The report for people; every line is safe to look at."""
    yield f"Triggers {report.period}"
    for trigger in report.triggers:
        yield ""
        yield from (printable(line) for line in _lines(trigger))
    if not report.triggers:
        yield "No alert met a trigger."
    others = list(_others(report))
    yield from ["", *(printable(line) for line in others)] if others else []


def report_object(report: PolicyReport) -> dict[str, object]:
    """The same for programs; spans in seconds."""
    return {
        "period": report.period,
        "triggers": [_object(trigger) for trigger in report.triggers],
        "unmatched_alerts": dict(report.elsewhere.unmatched.most_common()),
        "own_alerts": dict(report.itself),
        "requests": report.requests,
        "drills": dict(report.elsewhere.drills),
    }


def _trigger(name: str, outcomes: Sequence[Outcome], elsewhere: Elsewhere) -> TriggerReport:
    called = [one for one in outcomes if one.called_at]
    return TriggerReport(
        name=name,
        mode=max(outcomes, key=lambda one: one.began).mode,
        alerts=sum(len(one.firing) for one in outcomes),
        incidents=len(outcomes),
        would=sum(one.would for one in outcomes),
        repaired=tuple(_lasted(one) for one in outcomes if one.result == Result.REPAIRED),
        waited=Counter(word for one in outcomes for word in one.waited if word != FIRING_FOR),
        refused=Counter(one.refused for one in outcomes if one.refused),
        failed=sum(one.result in _BADLY or _has_failed(one) for one in outcomes),
        cancelled=sum(one.result == Result.CANCELLED for one in outcomes),
        open=sum(not one.result for one in outcomes),
        by_itself=tuple(_lasted(one) for one in outcomes if one.result == Result.RESOLVED_BY_ITSELF),
        by_people=tuple(_lasted(one) for one in called if one.result and one.result != Result.REPAIRED),
        verdicts=Counter(one.verdict for one in outcomes if one.verdict),
        without_us=tuple(span for one in outcomes if (span := _without_us(one, elsewhere)) is not None),
        called=len(called),
        acknowledged=tuple(
            (one.acknowledged_at - one.called_at).total_seconds()
            for one in called
            if one.acknowledged_at and one.called_at
        ),
    )


def _has_failed(outcome: Outcome) -> bool:
    """Whether a repair was tried and people have it now."""
    return not outcome.result and outcome.tries > 0 and outcome.called_at is not None


def _lasted(outcome: Outcome) -> float:
    """From the beginning of the alert to its end, as far as that was heard, else to the end of the incident."""
    ends = [at for at in (*outcome.over.values(), outcome.closed_at) if at is not None]
    over = max(outcome.over.values()) if outcome.over and not outcome.closed_by else max(ends)
    return max(0.0, (over - outcome.fires_since).total_seconds())


def _without_us(outcome: Outcome, elsewhere: Elsewhere) -> float | None:
    """How long the alerts of an observed incident lasted; its incident was over at once, so their ends stand elsewhere."""
    if outcome.result != Result.OBSERVED:
        return None
    ends = [next((at for at in elsewhere.over.get(fault, ()) if at >= outcome.began), None) for fault in outcome.firing]
    known = [at for at in ends if at is not None]
    if not known or len(known) < len(ends):
        return None
    return max(0.0, (max(known) - outcome.fires_since).total_seconds())


def _lines(trigger: TriggerReport) -> Iterator[str]:
    yield f"{trigger.name}: {_number(trigger.alerts, 'alert')} in {_number(trigger.incidents, 'incident')} ({trigger.mode})"
    for words, number, more in _facts(trigger):
        if number:
            yield f"  {words:<{WIDE}} {number}{more}"
    if trigger.mode == Mode.OBSERVE and trigger.would:
        yield f"  To let it act: set  mode: act  on {trigger.name}."


def _facts(trigger: TriggerReport) -> Iterator[tuple[str, int, str]]:
    yield "would have been repaired", trigger.would, ""
    yield "repaired", len(trigger.repaired), _median(trigger.repaired, "after the alert began")
    yield "failed, outcome unknown", trigger.failed, ""
    yield "waited", sum(trigger.waited.values()), _reasons(trigger.waited)
    yield "refused", sum(trigger.refused.values()), _reasons(trigger.refused)
    yield "cancelled", trigger.cancelled, ""
    yield "resolved by itself", len(trigger.by_itself), _median(trigger.by_itself, "after the alert began")
    yield "resolved without us", len(trigger.without_us), _median(trigger.without_us, "after the alert began")
    acknowledged = f", {len(trigger.acknowledged)} acknowledged" if trigger.acknowledged else ""
    yield "people were called", trigger.called, acknowledged + _median(trigger.acknowledged, "after the call")
    yield (
        "ended by people",
        len(trigger.by_people),
        _median(trigger.by_people, "after the alert began") + _said(trigger.verdicts),
    )
    yield "not over yet", trigger.open, ""


def _others(report: PolicyReport) -> Iterator[str]:
    unmatched = report.elsewhere.unmatched
    if unmatched:
        yield f"No trigger: {_number(unmatched.total(), 'alert')}{_reasons(unmatched)}"
    if report.itself:
        yield f"The runner itself: {_number(report.itself.total(), 'alert')}{_reasons(report.itself)}"
    if report.requests:
        yield f"Requests of people: {report.requests}"
    if report.elsewhere.drills:
        yield f"Drills: {report.elsewhere.drills.total()}{_reasons(report.elsewhere.drills)}"


def _reasons(counted: Counter[str]) -> str:
    most = counted.most_common(MOST_NAMES)
    named = ", ".join(f"{_cut(word)} {number}" for word, number in most)
    left = len(counted) - len(most)
    return f": {named}{f', and {left} more' if left else ''}"


def _said(verdicts: Counter[str]) -> str:
    return f"; they said{_reasons(verdicts).removeprefix(':')}" if verdicts else ""


def _median(spans: Sequence[float], since: str) -> str:
    return f", median {span_words(statistics.median(spans))} {since}" if spans else ""


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def _object(trigger: TriggerReport) -> dict[str, object]:
    spans: Iterable[tuple[str, tuple[float, ...]]] = (
        ("repaired", trigger.repaired),
        ("resolved_by_itself", trigger.by_itself),
        ("resolved_without_us", trigger.without_us),
        ("ended_by_people", trigger.by_people),
        ("acknowledged", trigger.acknowledged),
    )
    return {
        "trigger": trigger.name,
        "mode": trigger.mode,
        "alerts": trigger.alerts,
        "incidents": trigger.incidents,
        "would_have_been_repaired": trigger.would,
        "waited": dict(trigger.waited),
        "refused": dict(trigger.refused),
        "failed": trigger.failed,
        "cancelled": trigger.cancelled,
        "open": trigger.open,
        "people_called": trigger.called,
        "verdicts": dict(trigger.verdicts),
        **{
            name: {"incidents": len(found), "median_seconds": round(statistics.median(found), 1) if found else None}
            for name, found in spans
        },
    }
