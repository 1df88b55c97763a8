# SPDX-License-Identifier: GPL-3.0-or-later
"""The message to those who may approve. Pure text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.question import headline, question_lines
from breakglass.effects.escalation_text import EscalationText

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident

WIDTH = 13


def question_text(incident: Incident, public_url: str) -> EscalationText:
    """Subject and body, plain text; the link is ours, nothing of an alert gets into it."""
    again = "reminder: " if incident.asked else ""
    subject = f"breakglass: {again}{headline(incident)}. {incident.id}"
    lines = [f"{label:<{WIDTH}} {text}" for label, text in question_lines(incident)]
    lines += [
        "",
        f"{'answer':<{WIDTH}} breakglass approve {incident.id}   or   breakglass deny {incident.id} --reason …",
    ]
    if public_url:
        lines.append(f"{'':<{WIDTH}} {public_url.rstrip('/')}/approvals/{incident.id}")
    return EscalationText(subject, "\n".join(lines))
