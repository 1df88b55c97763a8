# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runner's database says, at this moment, to an alert that has not come: for `breakglass policy explain`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.incident import Incident
from breakglass.errors import BreakglassError
from breakglass.in_force import Rules
from breakglass.reception import course, fresh_id
from breakglass.store.foreseeing import Foreseen, foresee
from breakglass.store.looking import file_of

if TYPE_CHECKING:
    from breakglass.domain.alert import Alert
    from breakglass.policy_site import PolicySite


@dataclass(frozen=True)
class NotLookedUp:
    """Nobody has looked, and `why`: half a sentence; empty where it makes no difference."""

    why: str


def foreseen(alert: Alert, site: PolicySite) -> Foreseen | NotLookedUp:
    """Look up what would be in the way of this alert's incident if it came now; nothing is changed, or made."""
    settings = site.settings
    rules = Rules(site.policy, site.inventory.hosts, site.remediations)
    found, now = course(alert, rules), datetime.now(UTC)
    if found is None or found.plan is None:
        return NotLookedUp("")
    path = file_of(settings.database_url)
    if path is not None and not path.exists():
        return NotLookedUp(f"there is no database {path} yet")
    incident = Incident(id=fresh_id(), course=found, opened_at=now, since=now)
    try:
        answer = foresee(settings.database_url, settings.database_password_file, incident, site.inventory.hosts)
    except BreakglassError as error:
        return NotLookedUp(str(error).rstrip("."))
    return answer or NotLookedUp("the database is of another version of the runner")
