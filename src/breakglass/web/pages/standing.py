# SPDX-License-Identifier: GPL-3.0-or-later
"""How a question stands, for whoever looks at it, in words; and which of its lines still say something. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.calls import called_lines, waits_to_be_heard
from breakglass.domain.incident import State
from breakglass.domain.voting import ends_at, missing
from breakglass.domain.whose import has_approved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from breakglass.approvals import Question
    from breakglass.domain.incident import Incident
    from breakglass.domain.question import Line
    from breakglass.domain.requests import Person

ONLY_WHILE_ASKED = frozenset({"still needed", "time"})
AFTER = {
    State.RECEIVED: "It has not been asked yet.",
    State.WAITING: "It waits before it is asked again",
    State.OPENING: "Approved. Its grant is being opened.",
    State.RUNNING: "Approved. Its grant is open.",
    State.CLOSING: "Its grant is being closed.",
    State.VERIFYING: "Its grant is closed; it is watched whether that has helped.",
}


def standing(question: Question, person: Person, now: datetime) -> str:
    """One or two sentences."""
    incident = question.incident
    match incident.state:
        case State.APPROVING if has_approved(person, incident):
            return f"You have approved this. {_still(incident)} If the plan changes, your yes is void."
        case State.APPROVING if question.why_not:
            return f"{question.why_not}."
        case State.APPROVING:
            return f"Waits for your answer, {_left(incident, now)}."
        case State.ESCALATED:
            return _called(incident)
        case State.CLOSED:
            return _closed(incident)
    if incident.previews:
        return "It is being previewed. People are asked once that is over, whatever comes of it."
    why = f": {incident.blocked}" if incident.blocked else ""
    return f"{AFTER[incident.state].rstrip('.')}{why}."


def shown_lines(question: Question) -> list[Line]:
    """The lines of the terminal; once nobody is asked any more, without those about the asking."""
    incident = question.incident
    lines = question.lines or called_lines(incident)
    if incident.state is State.APPROVING:
        return lines
    return [line for line in lines if line[0] not in ONLY_WHILE_ASKED]


def grouped(lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    """Label, text, and the lines without a label that follow, which go on with it."""
    found: list[tuple[str, str, str]] = []
    for label, text in lines:
        if label or not found:
            found.append((label, text, ""))
        else:
            before, said, more = found[-1]
            found[-1] = (before, said, f"{more}\n{text}" if more else text)
    return found


def to_acknowledge(incident: Incident) -> bool:
    """Whether people were called, and nobody has said yet that they have heard."""
    return waits_to_be_heard(incident)


def _still(incident: Incident) -> str:
    quorum = incident.course.quorum
    return f"Still needed: {missing(incident, quorum)}." if quorum else ""


def _left(incident: Incident, now: datetime) -> str:
    quorum = incident.course.quorum
    seconds = (ends_at(incident, quorum) - now).total_seconds() if quorum else 0.0
    minutes = int(seconds // 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'} left" if minutes > 0 else "less than a minute left"


def _called(incident: Incident) -> str:
    escalation = incident.escalation
    reason = f": {escalation.reason.rstrip('.')}" if escalation else ""
    heard = f" {escalation.acknowledged_by} has it." if escalation and escalation.acknowledged_by else ""
    return f"People were called{reason}.{heard}"


def _closed(incident: Incident) -> str:
    result = incident.result.value if incident.result else "without a result"
    why = f". {incident.blocked.rstrip('.')}" if incident.blocked else ""
    return f"It is over: {result}{why}."
