# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant: first the play's whole process tree, then the token, then the proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.closing import close_run
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import Register
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close

from breakglass.domain.messages import GrantNotProvenGone, GrantProvenGone
from breakglass.errors import BreakglassError
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.incident import Attempt, Incident
    from breakglass.domain.messages import Outcome
    from breakglass.effects.runs import Runs
    from breakglass.vault_session import VaultSession


@dataclass(frozen=True)
class CloseGrant:
    """The effect `close-grant`. It may be repeated until it succeeds.

    Attributes:
        session: In Vault.
        runs: This runner's play processes.
        journal: This runner's journal, where its plays' leases stand.
        runner: The name of this runner; empty where there is only one.
    """

    session: VaultSession
    runs: Runs
    journal: Path
    runner: str = ""

    def run(self, incident: Incident) -> Outcome:
        """Revoke the current attempt's grant and prove it."""
        attempt = incident.attempt
        if attempt.by_job:
            return self._close_for_job(attempt)
        if attempt.runner != self.runner:
            return self._close_for_another(attempt)
        try:
            if left := self.runs.end_of(incident.id, attempt.number):
                return GrantNotProvenGone(f"{len(left)} processes of the play can't be ended")
            directory = incident_directory(incident.id, incident.opened_at)
            register = Register(
                self.journal,
                f"{directory}/play-{attempt.number}",
                announced=True,
                always={"preview": True} if attempt.preview else {},
            )
            closed = close_run(self.session.client(), attempt.accessor, register)
        except BreakglassError as error:
            return GrantNotProvenGone(str(error))
        return GrantProvenGone(closed.proof.at, "; ".join(closed.remains))

    def _close_for_job(self, attempt: Attempt) -> Outcome:
        """The grant that a job of AWX has opened: whatever the job said, it is revoked and proven gone from here.

        Where nobody saw its accessor, only the end of its time box is a proof.
        """
        now = datetime.now(UTC)
        if not attempt.accessor:
            if attempt.expires_at is None:
                return GrantProvenGone(now, "the job opened no grant")
            if now < attempt.expires_at:
                return GrantNotProvenGone(
                    f"nobody saw whether the job opened a grant; if it did, that is over by {attempt.expires_at:%H:%M:%S} UTC"
                )
            return GrantProvenGone(attempt.expires_at, "a grant that the job may have opened is over by its time box")
        try:
            proof = close(self.session.client(), attempt.accessor)
        except BreakglassError as error:
            return GrantNotProvenGone(str(error))
        return GrantProvenGone(proof.at, "the job's SSH certificates live to their end, which its own records name")

    def _close_for_another(self, attempt: Attempt) -> Outcome:
        """The grant of a runner that is gone: its play has ended itself, and its leases stand in its own journal."""
        try:
            proof = close(self.session.client(), attempt.accessor)
        except BreakglassError as error:
            return GrantNotProvenGone(str(error))
        until = f" It is over by {attempt.expires_at:%Y-%m-%d %H:%M:%S} UTC." if attempt.expires_at else ""
        remains = (
            f"what a play obtained under it on runner {attempt.runner or 'without a name'} is revoked with it, which "
            f"nobody has seen from here.{until}"
        )
        return GrantProvenGone(proof.at, remains)
