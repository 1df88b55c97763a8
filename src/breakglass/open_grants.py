# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open now: the grants of incidents, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.incident import State
from breakglass.holding import grants_end

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident

WITH_GRANT = frozenset({State.OPENING, State.RUNNING, State.CLOSING})


def has_grant(incident: Incident) -> bool:
    """Whether its grant is open, may be in a moment, or is being closed."""
    return incident.open_grant or incident.state in WITH_GRANT


def grant_line(incident: Incident) -> str:
    """One grant for people: what it opens, for whom, until when, and how it ends once it is to end."""
    plan, asker, until = incident.course.plan, incident.course.asked_by, _until(incident)
    what = f"{plan.access if plan else 'no access'} on {', '.join(incident.course.hosts) or 'no host'}"
    who = f"for {asker.person or asker.name}" if asker else f"by {incident.course.trigger}"
    end = grants_end(incident).sentence if _ends(incident) else ""
    return printable("  ".join(filter(None, (incident.id, incident.state.value, what, who, until, end))))


def grant_object(incident: Incident) -> dict[str, object]:
    """One grant for programs."""
    end, plan, asker = grants_end(incident), incident.course.plan, incident.course.asked_by
    attempt = incident.attempts[-1] if incident.attempts else None
    return {
        "incident": incident.id,
        "state": incident.state.value,
        "trigger": incident.course.trigger,
        "access": plan.access if plan else None,
        "hosts": list(incident.course.hosts),
        "asked_by": (asker.person or asker.name) if asker else None,
        "accessor": (attempt.accessor or None) if attempt else None,
        "expires_at": attempt.expires_at.isoformat() if attempt and attempt.expires_at else None,
        "over": end.over,
        "sentence": end.sentence,
    }


def grant_shown(incident: Incident) -> dict[str, object]:
    """The same with its line for people."""
    return {**grant_object(incident), "line": grant_line(incident)}


def _until(incident: Incident) -> str:
    return f"until {incident.until:%H:%M:%S} UTC" if incident.until else ""


def _ends(incident: Incident) -> bool:
    return incident.state is State.CLOSING or bool(incident.cancelled_by) or not has_grant(incident)
