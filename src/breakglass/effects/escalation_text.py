# SPDX-License-Identifier: GPL-3.0-or-later
"""The message that wakes a person: what, where, that automation stopped, what was tried, what is open, what to do.

Everything from outside is escaped and capped; the subject alone must do.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.climbing import next_rung_at
from breakglass.domain.incident import PlayOutcome, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.domain.incident import Attempt, Incident

QUOTE_LIMIT = 300
NAMES_LIMIT = 120
HARMLESS = (None, PlayOutcome.FAILED, PlayOutcome.NOT_STARTED)


@dataclass(frozen=True)
class EscalationText:
    """Subject and body, plain text."""

    subject: str
    body: str


def escalation_text(incident: Incident, page: str = "") -> EscalationText:
    """Write the message for the current rung of the incident's ladder; `page` is where it can be acknowledged, empty where nowhere."""
    hosts = _quote(", ".join(incident.course.hosts), NAMES_LIMIT) or "no host"
    names = ", ".join(dict.fromkeys(_quote(fault.name, 60) for fault in incident.faults)) or incident.course.trigger
    names = _quote(names, NAMES_LIMIT)
    tried = len([attempt for attempt in incident.repairs if attempt.outcome not in (None, PlayOutcome.NOT_STARTED)])
    subject = f"breakglass: {names} on {hosts} {_standing(incident, tried)}. You are needed. {incident.id}"
    return EscalationText(subject, "\n".join(_lines(incident, names, hosts, page)))


def _standing(incident: Incident, tried: int) -> str:
    if incident.open_grant:
        return "a grant can't be proven gone"
    if incident.state is State.VERIFYING:  # only a repair that holds its hosts is told of before it is verified
        return "was repaired, the host is HELD"
    if not tried:
        return "is not repaired"
    return f"STILL DOWN after {tried} repair{'s' if tried > 1 else ''}"


def _lines(incident: Incident, names: str, hosts: str, page: str) -> list[str]:
    since = min((fault.starts_at for fault in incident.faults), default=incident.opened_at)
    plan = incident.course.plan
    lines = [f"WHAT      {names} on {hosts}, since {since:%Y-%m-%d %H:%M} UTC (trigger {incident.course.trigger})"]
    if incident.escalation:
        lines.append(f"WHY       {_quote(incident.escalation.reason, QUOTE_LIMIT)}")
    lines += [f"TRIED     {_attempt(attempt)}" for attempt in incident.repairs if attempt.outcome]
    lines.append(f"STATE     {_open_grants(incident)}")
    if plan:
        lines.append(f"PLAN      {plan.remediation} under {plan.access}, digest {plan.digest[:8]}")
    if incident.course.holds_host and any(attempt.outcome not in HARMLESS for attempt in incident.repairs):
        lines.append(
            f"HELD      {hosts}: nothing else starts there, and other alerts of it wait, until the hold is lifted"
        )
        lines.append("THEN      a remediation that releases the host, or: breakglass hold lift HOST --reason …")
    elif incident.repairs:
        lines.append(f"HELD      {hosts}: no other trigger will work there until this incident is closed")
    lines += [f"TRY       {command}" for command in _commands(incident)]
    if incident.escalation and (due := next_rung_at(incident)):
        following = ", ".join(incident.course.ladder.rungs[incident.escalation.rung + 1].notify)
        lines.append(f"NEXT      no acknowledgement by {due:%H:%M} UTC: {following}, unless the alert resolves before")
    if page:
        lines.append(f"ACK       {page}")
    lines.append(
        f"{incident.id} · policy {incident.course.policy_digest[:8]} · owner {incident.course.owner or 'unsaid'}"
    )
    return lines


def _commands(incident: Incident) -> Iterator[str]:
    """What helps now, to be copied."""
    commands = {f"breakglass show {incident.id}": "all that was done, and why"}
    for host in incident.course.hosts[:1]:
        commands[f"breakglass ssh {shlex.quote(_quote(host, NAMES_LIMIT))}"] = "asks for an access when you have none"
    if incident.state is State.ESCALATED:
        if incident.course.plan:
            commands[f"breakglass retry {incident.id} --reason …"] = "the same plan once more"
        commands[f"breakglass close {incident.id} --reason …"] = "when you have dealt with it"
    widest = max(map(len, commands))
    return (f"{command:<{widest}}   {what}" for command, what in commands.items())


def _attempt(attempt: Attempt) -> str:
    outcome = attempt.outcome.value if attempt.outcome else ""
    return f"attempt {attempt.number}: {outcome}: {_quote(attempt.sentence, QUOTE_LIMIT)}"


def _open_grants(incident: Incident) -> str:
    for attempt in incident.attempts:
        if attempt.accessor and attempt.proven_at is None:
            until = f"{attempt.expires_at:%H:%M:%S} UTC" if attempt.expires_at else "the end of its box"
            return f"grant {attempt.accessor[:6]}… is NOT proven gone; it dies by itself at {until}"
    opened = any(attempt.accessor for attempt in incident.attempts)
    return "no grant is open: all were revoked, proven" if opened else "no grant was opened"


def _quote(text: str, limit: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
