# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people: the message of the current rung, through every channel that the rung names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from breakglass.channels import deliver
from breakglass.domain.drills import measure
from breakglass.domain.messages import Delivered, NotDelivered
from breakglass.effects.drill_text import drill_text
from breakglass.effects.escalation_text import EscalationText, escalation_text
from breakglass.effects.own_alert_text import own_alert_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from breakglass.domain.drills import Recorded
    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


def _no_records(_incident: Incident) -> Sequence[Recorded]:
    return ()


@dataclass(frozen=True)
class Escalate:
    """The effect `escalate`.

    Attributes:
        channels: Name to the file that holds the channel's Apprise URL; read anew each time, so that it can be rotated.
        records: What the journal has of an incident; what a drill measured is told by it.
        public_url: Where people reach the runner, to sign in and say that they have it; empty where the settings do not say.
    """

    channels: Mapping[str, Path]
    records: Callable[[Incident], Sequence[Recorded]] = field(default=_no_records)
    public_url: str = ""

    def run(self, incident: Incident) -> Outcome:
        """Deliver to every channel of the rung; one that takes it is enough to go on, the others are named."""
        if incident.escalation is None:
            return NotDelivered("nothing is to be told")
        rung = incident.course.ladder.rungs[incident.escalation.rung]
        text = self._text(incident)
        took, failed = [], []
        if not rung.notify:
            return NotDelivered("the settings have no channel")
        for name in rung.notify:
            why = deliver(self.channels, name, text.subject, text.body)
            if why:
                failed.append(f"{name}: {why}")
            else:
                took.append(name)
        return Delivered(tuple(took), tuple(failed)) if took else NotDelivered("; ".join(failed))

    def _text(self, incident: Incident) -> EscalationText:
        page = f"{self.public_url.rstrip('/')}/approvals/{incident.id}" if self.public_url else ""
        if incident.course.drill:
            return drill_text(incident, measure(self.records(incident)), page)
        return own_alert_text(incident, page) if incident.course.own else escalation_text(incident, page)
