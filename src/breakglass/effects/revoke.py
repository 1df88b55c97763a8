# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant: first the play's whole process tree, then the token, then the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.closing import close_run
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import Register

from breakglass.domain.messages import GrantNotProvenGone, GrantProvenGone
from breakglass.errors import BreakglassError
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.effects.runs import Runs
    from breakglass.vault_session import VaultSession


@dataclass(frozen=True)
class CloseGrant:
    """The effect `close-grant`. It may be repeated until it succeeds."""

    session: VaultSession
    runs: Runs
    journal: Path

    def run(self, incident: Incident) -> Outcome:
        """Revoke the current attempt's grant and prove it."""
        attempt = incident.attempt
        try:
            if left := self.runs.end_of(incident.id, attempt.number):
                return GrantNotProvenGone(f"{len(left)} processes of the play can't be ended")
            directory = incident_directory(incident.id, incident.opened_at)
            register = Register(self.journal, f"{directory}/play-{attempt.number}", announced=True)
            closed = close_run(self.session.client(), attempt.accessor, register)
        except BreakglassError as error:
            return GrantNotProvenGone(str(error))
        return GrantProvenGone(closed.proof.at, "; ".join(closed.remains))
