# SPDX-License-Identifier: GPL-3.0-or-later
"""The message that wakes a person: what, where, that automation stopped, what was tried, what is open, what to do.

The subject alone must do. Whatever the page says of an incident, too, is in `domain/calls.py`; here is what only a message needs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.calls import NAMES_LIMIT, called_lines, hosts_of, names_of
from breakglass.domain.climbing import next_rung_at
from breakglass.domain.incident import PlayOutcome, State
from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.domain.incident import Incident
    from breakglass.domain.question import Line

WIDTH = 9


@dataclass(frozen=True)
class EscalationText:
    """Subject and body, plain text."""

    subject: str
    body: str


def escalation_text(incident: Incident, page: str = "") -> EscalationText:
    """Write the message for the current rung of the incident's ladder; `page` is where it can be acknowledged, empty where nowhere."""
    tried = len([attempt for attempt in incident.repairs if attempt.outcome not in (None, PlayOutcome.NOT_STARTED)])
    standing = f"{names_of(incident)} on {hosts_of(incident)} {_standing(incident, tried)}"
    lines = [
        f"{label.upper():<{WIDTH}} {text}" for label, text in [*called_lines(incident), *_what_next(incident, page)]
    ]
    course = incident.course
    lines.append(f"{incident.id} · policy {course.policy_digest[:8]} · owner {one_line(course.owner) or 'unsaid'}")
    return EscalationText(f"breakglass: {standing}. You are needed. {incident.id}", "\n".join(lines))


def _standing(incident: Incident, tried: int) -> str:
    if incident.open_grant:
        return "a grant can't be proven gone"
    if incident.state is State.VERIFYING:  # only a repair that holds its hosts is told of before it is verified
        return "was repaired, the host is HELD"
    if not tried:
        return "is not repaired"
    return f"STILL DOWN after {tried} repair{'s' if tried > 1 else ''}"


def _what_next(incident: Incident, page: str) -> Iterator[Line]:
    for command in _commands(incident):
        yield "try", command
    if incident.escalation and (due := next_rung_at(incident)):
        following = ", ".join(incident.course.ladder.rungs[incident.escalation.rung + 1].notify)
        yield "next", f"no acknowledgement by {due:%H:%M} UTC: {following}, unless the alert resolves before"
    if page:
        yield "ack", page


def _commands(incident: Incident) -> Iterator[str]:
    """What helps now, to be copied."""
    commands = {f"breakglass show {incident.id}": "all that was done, and why"}
    for host in incident.course.hosts[:1]:
        commands[f"breakglass ssh {shlex.quote(one_line(host, NAMES_LIMIT))}"] = "asks for an access when you have none"
    if incident.state is State.ESCALATED:
        if incident.course.plan:
            commands[f"breakglass retry {incident.id} --reason …"] = "the same plan once more"
        commands[f"breakglass close {incident.id} --reason …"] = "when you have dealt with it"
    widest = max(map(len, commands))
    return (f"{command:<{widest}}   {what}" for command, what in commands.items())
