# SPDX-License-Identifier: GPL-3.0-or-later
"""May this incident work on its hosts now? The hold first, then the limits that need memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import read_hold

from breakglass.domain.messages import Blocked, OverLimit
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.store.limits import Reservations
    from breakglass.vault_session import VaultSession

ASK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Reserve:
    """The effect `reserve`."""

    session: VaultSession
    reservations: Reservations

    def run(self, incident: Incident) -> Outcome:
        """Reserved, not yet, or no. A hold that can't be read counts as a reason to wait, never as none."""
        try:
            hold = read_hold(self.session.client())
        except BreakglassError as error:
            return Blocked(f"nobody can say whether the hold is set: {error}", ASK_AGAIN)
        if hold is not None:
            return OverLimit(f"the hold is set by {hold.person}: {hold.reason}")
        return self.reservations.reserve(incident)
