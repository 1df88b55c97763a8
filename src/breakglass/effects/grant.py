# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a grant: minted wrapped, seen alive, and handed over to the play without ever being written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    ClockSkew,
    GrantMismatch,
    VaultError,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import (
    GrantRequest,
    WrappedGrant,
    mint_wrapped,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant_facts import check_clock
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import read_hold

from breakglass.domain.messages import GrantLeftToJob, GrantMinted, GrantNotMinted
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.domain.plan import Plan
    from breakglass.effects.handover import Handover
    from breakglass.vault_session import VaultSession


@dataclass(frozen=True)
class OpenGrant:
    """The effect `open-grant`.

    Attributes:
        session: In Vault.
        handover: Where the play finds its wrapped grant.
        held: Why a hold lets nothing start for an incident; empty when none does.
        changed: Why those who asked or approved may no longer, if that is so; empty when nothing has changed.
        runner: The name of this runner; empty where there is only one.
        left_to_jobs: Accesses whose plays are jobs of AWX, which open their grants themselves.
    """

    session: VaultSession
    handover: Handover
    held: Callable[[Incident], str]
    changed: Callable[[Incident], str]
    runner: str = ""
    left_to_jobs: frozenset[str] = frozenset()

    def run(self, incident: Incident) -> Outcome:
        """Mint the grant of the incident's current attempt: for its plan, or for the preview of that."""
        plan, whole = incident.at_hand, incident.course.plan
        if plan is None or whole is None:
            return GrantNotMinted("the incident has no plan", retryable=False)
        meta = {"incident": incident.id, "attempt": str(incident.attempt.number), "plan_digest": whole.digest}
        box = timedelta(seconds=plan.time_box_seconds)
        try:
            request = GrantRequest(plan.access, box, f"breakglass-{plan.access}", meta)
            if why_not := self._forbidden(incident):
                return GrantNotMinted(why_not, retryable=False)
            if plan.access in self.left_to_jobs and not plan.lends:
                return GrantLeftToJob()
            self._close_left_over(incident)
            grant = self._minted(request)
        except GrantMismatch as error:
            if error.revoked:
                return GrantNotMinted(str(error), retryable=False)
            # It lives, and must be closed and proven gone like any other; nobody has its token, so no play will start.
            return GrantMinted(error.accessor, datetime.now(UTC) + box, self.runner)
        except VaultError as error:
            unknown = (
                " Whether something was minted is unknown; it can be used by nobody." if error.outcome_unknown else ""
            )
            return GrantNotMinted(f"{error}{unknown}", retryable=error.retryable)
        except BreakglassError as error:
            return GrantNotMinted(str(error), retryable=True)
        self.handover.put(incident.id, incident.attempt.number, grant.token, grant.accessor)
        return GrantMinted(grant.accessor, grant.expires_at, self.runner)

    def _forbidden(self, incident: Incident) -> str:
        """Why nothing may open now: the hold, in Vault or here, or people who may no longer what they could.

        A preview is automatic: nobody has said yes yet.
        """
        hold = read_hold(self.session.client())
        if hold is not None and not hold.mirrored:
            return f"the hold is set by {hold.person}: {hold.reason}"
        if incident.previews:
            return self.held(incident) or self._no_preview(incident.at_hand)
        return self.held(incident) or self.changed(incident)

    def _no_preview(self, plan: Plan | None) -> str:
        """Why nothing can be shown under its access: the settings may have changed since the policy was checked."""
        if plan is not None and plan.access in self.left_to_jobs:
            return f"plays under {plan.access} are jobs of AWX, which show no preview"
        return ""

    def _minted(self, request: GrantRequest) -> WrappedGrant:
        grant = mint_wrapped(self.session.client(), request)
        try:
            check_clock(grant.facts, datetime.now(UTC))
        except ClockSkew as error:
            raise GrantMismatch(str(error), accessor=grant.accessor, revoked=self._is_closed(grant.accessor)) from None
        return grant

    def _is_closed(self, accessor: str) -> bool:
        try:
            close(self.session.client(), accessor)
        except BreakglassError:
            return False
        return True

    def _close_left_over(self, incident: Incident) -> None:
        """Close what was minted for this attempt already: the database was lost before it could be recorded."""
        if accessor := self.handover.left_over(incident.id, incident.attempt.number):
            close(self.session.client(), accessor)
            self.handover.take(incident.id, incident.attempt.number)
