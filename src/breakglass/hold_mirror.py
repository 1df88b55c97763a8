# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's hold on everything, copied to where the other doors look: Vault's KV. The database stays what counts here.

A hold that somebody set in Vault by hand is left alone; ours is marked as a copy, so that lifting it is our business.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import (
    Hold,
    lift_hold,
    read_hold,
    write_hold,
)

from breakglass.domain.holds import Scope

if TYPE_CHECKING:
    from breakglass.store.holds import Holds
    from breakglass.vault_session import VaultSession

LOOK_AGAIN_SECONDS = 5.0
LIFTED = ("the hold was lifted on the runner's machine; its journal says why", "breakglass runner")


class HoldMirror:
    """One direction only, from the database to Vault; called again and again."""

    def __init__(self, holds: Holds, session: VaultSession) -> None:
        self._holds = holds
        self._session = session
        self._known: tuple[Hold | None, float] | None = None

    def keep(self) -> None:
        """Bring Vault in line with the database.

        Raises:
            BreakglassError: Vault or the database can't be asked now; until then the other doors see what was there.
        """
        wanted = self._wanted()
        if self._known is not None and self._known[0] == wanted and (wanted is None or not self._is_due()):
            return
        client = self._session.client()
        found = read_hold(client)
        if found is None or found.mirrored:
            if wanted is not None and found != wanted:
                write_hold(client, wanted)
            elif wanted is None and found is not None:
                lift_hold(client, *LIFTED, datetime.now(UTC))
        self._known = wanted, time.monotonic()

    def _is_due(self) -> bool:
        """Somebody may have lifted the copy by hand."""
        return self._known is None or time.monotonic() >= self._known[1] + LOOK_AGAIN_SECONDS

    def _wanted(self) -> Hold | None:
        """The oldest of the holds on everything."""
        for hold in self._holds.standing():
            if hold.scope is Scope.ALL:
                return Hold(hold.reason, hold.person, hold.since, mirrored=True)
        return None
