# SPDX-License-Identifier: GPL-3.0-or-later
"""The message by which the runner tells of itself: what is wrong, what to do, and that no host is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.calls import NAMES_LIMIT
from breakglass.domain.text import one_line
from breakglass.effects.escalation_text import EscalationText

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident

SENTENCE_LIMIT = 900
REFERENCE = "docs/reference/own-alerts.md"


def own_alert_text(incident: Incident, page: str = "") -> EscalationText:
    """Write what the current rung of the ladder is told; `page` is where it can be acknowledged, empty where nowhere."""
    what = one_line(incident.what, NAMES_LIMIT)
    subject = f"breakglass ITSELF: {what}. You are needed. {incident.id}"
    return EscalationText(subject, "\n".join(_lines(incident, what, page)))


def _lines(incident: Incident, what: str, page: str) -> list[str]:
    lines = [
        f"WHAT      {what}, since {incident.opened_at:%Y-%m-%d %H:%M} UTC: the runner tells of itself, no host is meant",
        f"WHY       {one_line(incident.course.refusal, SENTENCE_LIMIT)}",
    ]
    rungs = incident.course.ladder.rungs
    if incident.escalation and incident.escalation.reason != incident.course.refusal:
        lines.append(f"AND       {one_line(incident.escalation.reason, SENTENCE_LIMIT)}")
    if incident.escalation and incident.escalation.rung + 1 < len(rungs):
        lines.append(
            f"NEXT      {', '.join(rungs[incident.escalation.rung + 1].notify)}, unless it is acknowledged or over"
        )
    lines.append(f"ACK       breakglass ack {incident.id}        what each of these means: {REFERENCE}")
    if page:
        lines.append(f"          {page}")
    lines.append(f"{incident.id} · policy {incident.course.policy_digest[:8]}")
    return lines
