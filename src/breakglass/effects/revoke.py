# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant: first the play's whole process tree, then the token, then the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close

from breakglass.domain.messages import GrantNotProvenGone, GrantProvenGone
from breakglass.effects.play_story import read_story
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
            proof = close(self.session.client(), attempt.accessor)
        except BreakglassError as error:
            return GrantNotProvenGone(str(error))
        return GrantProvenGone(proof.at, self._remains(incident))

    def _remains(self, incident: Incident) -> str:
        directory = incident_directory(incident.id, incident.opened_at)
        story = read_story(self.journal / directory / f"play-{incident.attempt.number}.jsonl")
        if story.certificate_until:
            return f"the SSH certificate {story.certificate_serial} expires at {story.certificate_until}"
        until = incident.attempt.expires_at
        if story.certificate_asked and until is not None:
            return f"an SSH certificate may have been signed; it would live until {until:%Y-%m-%dT%H:%M:%SZ}"
        return ""
