# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an incident whose play is a job of AWX: nothing is minted here, and what the job opened is closed all the same."""

from __future__ import annotations

import pytest
from tests.support.incidents import MINUTE, NOW, make_alert, make_course, make_incident

from breakglass.domain import messages as heard
from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State

ALERT = heard.AlertArrived(make_alert())
BEGUN = (ALERT, heard.Reserved(()), heard.GrantLeftToJob())
OK = heard.PlayEnded(PlayOutcome.OK, "the remediation ran", "accessor-of-the-job")
GONE = heard.GrantProvenGone(NOW + MINUTE, "certificates live to their end")


def after(*messages: heard.Message, idempotent: bool = True) -> tuple[Incident, list[str]]:
    """The incident after these messages, one decision each, and the kinds of everything recorded."""
    incident, kinds = make_incident(make_course(idempotent=idempotent)), list[str]()
    for message in messages:
        decision = decide(incident, [message], NOW)
        incident, kinds = decision.incident, [*kinds, *(note.kind for note in decision.notes)]
    return incident, kinds


def test_nothing_is_minted_for_a_job() -> None:
    """It runs at once, and the record says who opens its grant."""
    running, kinds = after(*BEGUN)
    assert (running.state, running.effect, running.attempt.by_job) == (State.RUNNING, Effect.RUN_PLAY, True)
    assert "grant.left_to_job" in kinds
    assert "grant.minted" not in kinds
    assert not running.open_grant


def test_the_grant_of_a_job_is_closed_like_any_other() -> None:
    """Its accessor comes with the job's end; then it is open until it is proven gone."""
    closing, _ = after(*BEGUN, OK)
    assert (closing.state, closing.effect) == (State.CLOSING, Effect.CLOSE_GRANT)
    assert closing.attempt.accessor == "accessor-of-the-job"
    assert closing.open_grant
    verifying, kinds = after(*BEGUN, OK, GONE)
    assert verifying.state is State.VERIFYING
    assert "grant.revoked" in kinds


def test_until_when_an_unseen_grant_may_live_is_kept() -> None:
    """Until then it is tried again, and people are told."""
    lost = heard.PlayEnded(PlayOutcome.UNKNOWN, "AWX lost the job", over_by=NOW + 10 * MINUTE)
    closing, _ = after(*BEGUN, lost, heard.GrantNotProvenGone("nobody saw it"))
    assert closing.attempt.expires_at == NOW + 10 * MINUTE
    assert closing.state is State.CLOSING
    assert closing.wake_at is not None


@pytest.mark.parametrize(("idempotent", "state"), [(True, State.WAITING), (False, State.ESCALATED)])
def test_a_lost_job_is_repeated_only_where_that_does_no_harm(idempotent: bool, state: State) -> None:  # noqa: FBT001
    """As a play whose end nobody saw."""
    lost = heard.PlayEnded(PlayOutcome.UNKNOWN, "AWX lost the job")
    incident, _ = after(*BEGUN, lost, GONE, idempotent=idempotent)
    assert incident.state in {state, State.APPROVING, State.OPENING} if idempotent else incident.state is state
    assert incident.result is (None if idempotent else Result.UNKNOWN)


def test_a_play_here_keeps_the_grant_that_was_minted_for_it() -> None:
    """What a play tells of a grant changes nothing."""
    minted = heard.GrantMinted("accessor-1", NOW + 10 * MINUTE)
    closing, _ = after(ALERT, heard.Reserved(()), minted, heard.PlayEnded(PlayOutcome.OK, "", "other"))
    assert closing.attempt.accessor == "accessor-1"
