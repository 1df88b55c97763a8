# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing what a job of AWX opened where nobody saw what that was: only time is a proof then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.support.incidents import make_incident

from breakglass.domain.incident import Attempt
from breakglass.domain.messages import GrantNotProvenGone, GrantProvenGone
from breakglass.effects.revoke import CloseGrant

if TYPE_CHECKING:
    from breakglass.domain.messages import Outcome
    from breakglass.effects.runs import Runs
    from breakglass.vault_session import VaultSession


def _closed(over_by: datetime | None) -> Outcome:
    """Nobody is asked: there is no accessor to ask about."""
    nobody = cast("VaultSession", None), cast("Runs", None)
    attempt = Attempt(1, by_job=True, expires_at=over_by)
    return CloseGrant(*nobody, Path("/nowhere")).run(replace(make_incident(), attempts=(attempt,)))


def test_a_job_that_opened_nothing_leaves_nothing_to_close() -> None:
    """It was never launched, or told everything and no grant."""
    outcome = _closed(None)
    assert isinstance(outcome, GrantProvenGone)
    assert "opened no grant" in outcome.remains


def test_a_grant_that_nobody_saw_is_gone_when_its_time_box_is_over() -> None:
    """Not before: until then it is not proven, and the sentence says until when."""
    now = datetime.now(UTC)
    early = _closed(now + timedelta(minutes=5))
    assert isinstance(early, GrantNotProvenGone)
    assert "is over by" in early.why
    late = _closed(now - timedelta(seconds=1))
    assert isinstance(late, GrantProvenGone)
    assert late.at < now
