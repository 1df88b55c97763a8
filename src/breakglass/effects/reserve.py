# SPDX-License-Identifier: GPL-3.0-or-later
"""May this incident work on its hosts now? The hold first, then its record elsewhere, then the limits that need memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import read_hold

from breakglass.domain.messages import Blocked, OverLimit
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.store.limits import Reservations
    from breakglass.vault_session import VaultSession

ASK_AGAIN = timedelta(seconds=5)
SOON = timedelta(seconds=1)


@dataclass(frozen=True)
class Reserve:
    """The effect `reserve`.

    Attributes:
        session: In Vault.
        reservations: The limits that need memory.
        unacknowledged: Why an incident's records must be elsewhere first; empty when nothing waits for that.
        held: Why a hold of our own lets nothing start for an incident; empty when none does.
    """

    session: VaultSession
    reservations: Reservations
    unacknowledged: Callable[[Incident], str]
    held: Callable[[Incident], str]

    def run(self, incident: Incident) -> Outcome:
        """Reserved, not yet, or no. A hold that can't be read counts as a reason to wait, never as none."""
        try:
            hold = read_hold(self.session.client())
        except BreakglassError as error:
            return Blocked(f"nobody can say whether the hold is set: {error}", ASK_AGAIN)
        if hold is not None and not hold.mirrored:
            return OverLimit(f"the hold is set by {hold.person}: {hold.reason}")
        try:
            if hold is not None and not self.held(incident):  # its play would read it there, too
                return Blocked("the hold was lifted; its copy in Vault is about to be", SOON)
            missing = self.unacknowledged(incident)
        except BreakglassError as error:
            return Blocked(f"nobody can say whether it may start: {error}", ASK_AGAIN)
        if missing:
            return Blocked(missing, ASK_AGAIN)
        return self.reservations.reserve(incident)
