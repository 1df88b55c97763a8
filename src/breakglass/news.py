# SPDX-License-Identifier: GPL-3.0-or-later
"""One line for each piece of news: an incident that ended or is open, a drill. Pure; what comes out is not yet safe to look at.

The digest and the handover tell the same things by them, in the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.incident import Incident, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from breakglass.store.drills import DrillRun

WHAT_LIMIT = 120
PASSED = "passed"


def open_line(incident: Incident) -> str:
    """An incident that is open: how it stands, who has acknowledged it, and why people were called."""
    escalation, since = incident.escalation, moment_words(incident.since)
    if escalation is None:
        why = f": {incident.blocked}" if incident.blocked else ""
        return _named(incident, f"{incident.state.value} since {since}{why}")
    heard = f"acknowledged by {escalation.acknowledged_by}" if escalation.acknowledged_by else "NOT acknowledged"
    return _named(incident, f"{incident.state.value} since {since}, {heard}: {escalation.reason}")


def ended_line(incident: Incident) -> str:
    """An incident that has ended: what there is to know of such an end."""
    return _named(incident, _ENDS[incident.result](incident) if incident.result else "")


def drill_line(run: DrillRun) -> str:
    """A drill that has ended."""
    seconds = sum(taken or 0.0 for _, taken, _, _ in run.passages)
    failures = "; ".join(f"{phase}: {sentence}" for phase, _, sentence, failed in run.passages if failed)
    how = f"{run.result} in {seconds:.1f} s" if run.result == PASSED else f"{run.result}: {failures or run.missed}"
    return f"{run.incident}  {run.name} on {run.host or 'no host'}  {how}".rstrip(": ")


def span_words(seconds: float) -> str:
    """How long something took, as people say it."""
    if seconds < 120:  # noqa: PLR2004 (two minutes)
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{round(seconds / 3600, 1):g} h"  # noqa: PLR2004 (two hours)


def moment_words(at: datetime) -> str:
    """A moment, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def cut(text: str, limit: int) -> str:
    """A text that is safe to look at, and ends."""
    shown = printable(text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _named(incident: Incident, more: str) -> str:
    return f"{incident.id}  {cut(incident.what, WHAT_LIMIT)}  {more}".rstrip()


def _role(incident: Incident) -> str:
    return incident.course.plan.remediation.rpartition(".")[2] if incident.course.plan else ""


def _lasted(incident: Incident) -> str:
    return span_words((incident.since - incident.opened_at).total_seconds())


def _repaired(incident: Incident) -> str:
    tries = len(incident.repairs)
    return f"{_role(incident)} in {_lasted(incident)}{f', {tries} attempts' if tries > 1 else ''}"


def _observed(incident: Incident) -> str:
    return f"would NOT have run: {incident.blocked}" if incident.blocked else f"would have run {_role(incident)}"


def _people(incident: Incident) -> str:
    """Why people were called, and who has heard."""
    escalation = incident.escalation
    if escalation is None:
        return incident.course.refusal or incident.blocked
    return f"{escalation.reason}; acknowledged by {escalation.acknowledged_by or 'nobody'}"


_ENDS: dict[Result, Callable[[Incident], str]] = {
    Result.REPAIRED: _repaired,
    Result.REHEARSED: _repaired,
    Result.OBSERVED: _observed,
    Result.RESOLVED_BY_ITSELF: lambda incident: f"after {_lasted(incident)}",
    Result.RETURNED: lambda incident: f"after {_lasted(incident)}",
    Result.CANCELLED: lambda incident: f"by {incident.cancelled_by}",
    Result.REFUSED: _people,
    Result.FAILED: _people,
    Result.UNKNOWN: _people,
}
