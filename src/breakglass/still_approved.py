# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether those who asked and approved still may, when the grant opens: asked of Vault live, so that leaving a group counts at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from breakglass.domain.approvals import is_met
from breakglass.identity import UnknownPerson

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.identity import Identity


@dataclass(frozen=True)
class StillApproved:
    """Looks at the people behind an incident."""

    identity: Identity

    def changed(self, incident: Incident) -> str:
        """Why a grant may not open although people have said yes: one of them, or who asked, is no longer who they were."""
        try:
            return self._asker_changed(incident) or self._voters_changed(incident)
        except UnknownPerson as error:
            return str(error)

    def asker_changed(self, incident: Incident) -> str:
        """Why who asked may not go on using their grant; empty when they may. Raises BreakglassError: Vault can't be asked."""
        try:
            return self._asker_changed(incident)
        except UnknownPerson as error:
            return str(error)

    def _asker_changed(self, incident: Incident) -> str:
        asker = incident.course.asked_by
        if asker is None:
            return ""
        now = self.identity.now(asker.entity)
        if now.groups.isdisjoint(asker.groups):
            return f"{asker.name} asked for it, and is no longer in {' or '.join(asker.groups)}"
        return ""

    def _voters_changed(self, incident: Incident) -> str:
        quorum = incident.course.quorum
        if quorum is None:
            return ""
        votes = []
        for vote in incident.votes:
            now = self.identity.now(vote.entity)
            same = now.groups if now.person == vote.person else frozenset()
            votes.append(replace(vote, groups=tuple(group for group in vote.groups if group in same)))
        if is_met(quorum, votes):
            return ""
        gone = ", ".join(new.person for new, old in zip(votes, incident.votes, strict=True) if new.groups != old.groups)
        return f"{gone} approved it, and may no longer"
