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
        """Why a grant may not open although people have said yes: one of them, or who asked, is no longer who they were.

        Raises BreakglassError: Vault can't be asked.
        """
        return self.asker_changed(incident) or self._voters_changed(incident)

    def asker_changed(self, incident: Incident) -> str:
        """Why who asked may not go on using their grant; empty when they may. Raises BreakglassError: Vault can't be asked."""
        asker = incident.course.asked_by
        if asker is None or self._groups_now(asker.entity, asker.person, asker.groups):
            return ""
        return f"{asker.name} asked for it, and is disabled in Vault or no longer in {' or '.join(asker.groups)}"

    def _voters_changed(self, incident: Incident) -> str:
        quorum = incident.course.quorum
        if quorum is None:
            return ""
        votes = [
            replace(vote, groups=self._groups_now(vote.entity, vote.person, vote.groups)) for vote in incident.votes
        ]
        if is_met(quorum, votes):
            return ""
        gone = ", ".join(new.person for new, old in zip(votes, incident.votes, strict=True) if new.groups != old.groups)
        return f"{gone} approved it, and may no longer"

    def _groups_now(self, entity: str, person: str, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the groups that the entity is in now; none when it is disabled, gone, or another person's."""
        try:
            now = self.identity.now(entity)
        except UnknownPerson:
            return ()
        same = person in ("", now.person)  # it may have been said since whose it is
        return tuple(group for group in groups if group in now.groups) if same else ()
