# SPDX-License-Identifier: GPL-3.0-or-later
"""Going up the ladder of an incident's escalation: which rung is due, and whether it has been told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from breakglass.domain.incident import Effect

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.domain.draft import Draft
    from breakglass.domain.incident import Incident


def tell_people(draft: Draft) -> bool:
    """Begin the delivery that is due, if one is; a rung that took the message waits for its acknowledgement."""
    escalation = draft.incident.escalation
    if escalation is None:
        return False
    due = next_rung_at(draft.incident)
    if due is not None and due <= draft.now:
        climbed = replace(escalation, rung=escalation.rung + 1, rung_since=draft.now, failures=0, try_at=None)
        draft.incident = replace(draft.incident, escalation=climbed)
    elif escalation.rung in escalation.delivered or (escalation.try_at is not None and escalation.try_at > draft.now):
        return False
    draft.begin(Effect.ESCALATE)
    return True


def next_rung_at(incident: Incident) -> datetime | None:
    """When the next rung is called, if nobody acknowledges before; None when there is none, or somebody has."""
    escalation = incident.escalation
    rungs = incident.course.ladder.rungs
    if escalation is None or escalation.acknowledged_by or escalation.rung + 1 >= len(rungs):
        return None
    within = rungs[escalation.rung].acknowledge_within
    return None if within is None else escalation.rung_since + within
