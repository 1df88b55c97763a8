# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a request: lent instead of run, closed like any grant, told to who asked and to nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NOW, make_alert, make_course, make_incident, make_plan

from breakglass.domain import messages as heard
from breakglass.domain.alert import REQUEST
from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.requests import LIMITS

COURSE = make_course(plan=replace(make_plan(), remediation="", content_digest="", parameters={}), limits=LIMITS)
MADE = heard.AlertArrived(make_alert(source=REQUEST))
OVER = heard.AlertArrived(make_alert("resolved", source=REQUEST))
MINTED = heard.GrantMinted("accessor-1", NOW + 10 * MINUTE)
GONE = heard.GrantProvenGone(NOW + MINUTE, "")


def after(*messages: heard.Message) -> tuple[Incident, list[str]]:
    """The incident after these messages, one decision each, and the kinds of everything recorded."""
    incident, kinds = make_incident(COURSE), list[str]()
    for message in messages:
        decision = decide(incident, [message], NOW)
        incident, kinds = decision.incident, [*kinds, *(note.kind for note in decision.notes)]
    return incident, kinds


def test_a_loan_that_comes_back_is_closed_and_proven_before_it_is_over() -> None:
    """Nothing of an alert's verification, and nobody is called."""
    running, kinds = after(MADE, heard.Reserved(()), MINTED)
    assert (running.state, running.effect) == (State.RUNNING, Effect.RUN_PLAY)
    assert kinds[:2] == ["incident.opened", "request.made"]
    ended = heard.PlayEnded(PlayOutcome.OK, "given back")
    closing, _ = after(MADE, heard.Reserved(()), MINTED, ended)
    assert (closing.state, closing.effect) == (State.CLOSING, Effect.CLOSE_GRANT)
    closed, kinds = after(MADE, heard.Reserved(()), MINTED, OVER, ended, GONE)
    assert (closed.state, closed.result, closed.escalation) == (State.CLOSED, Result.RETURNED, None)
    assert "request.over" in kinds


@pytest.mark.parametrize("outcome", [PlayOutcome.STOPPED, PlayOutcome.NOT_STARTED])
def test_a_loan_that_broke_off_failed_and_is_not_lent_again(outcome: PlayOutcome) -> None:
    """Who asked sees it, and asks again if they want."""
    closed, _ = after(MADE, heard.Reserved(()), MINTED, heard.PlayEnded(outcome, "the runner stopped"), GONE)
    assert (closed.state, closed.result, closed.escalation) == (State.CLOSED, Result.FAILED, None)
    assert len(closed.attempts) == 1


@pytest.mark.parametrize("hands_out", [True, False])
def test_what_nobody_saw_end_under_a_loan_calls_people(*, hands_out: bool) -> None:
    """Sessions through the runner may have left something on a host; of a grant that was handed out it knows nothing."""
    course = replace(COURSE, hands_out=hands_out)
    incident = make_incident(course)
    lost = heard.PlayEnded(PlayOutcome.UNKNOWN, "what watches over the session on web1 was killed there")
    for message in (MADE, heard.Reserved(()), MINTED, lost, GONE):
        incident = decide(incident, [message], NOW).incident
    if hands_out:
        assert (incident.state, incident.result, incident.escalation) == (State.CLOSED, Result.FAILED, None)
    else:
        assert (incident.state, incident.result) == (State.ESCALATED, Result.UNKNOWN)
        assert incident.escalation is not None
        assert "killed there" in incident.escalation.reason


@pytest.mark.parametrize(
    "refusal",
    [(heard.OverLimit("the hold is set"),), (heard.Reserved(()), heard.GrantNotMinted("no", retryable=False))],
)
def test_a_refused_request_wakes_nobody(refusal: tuple[heard.Message, ...]) -> None:
    """It is closed with a record that says why."""
    closed, kinds = after(MADE, *refusal)
    assert (closed.state, closed.escalation) == (State.CLOSED, None)
    assert "request.refused" in kinds


def test_a_grant_that_can_not_be_proven_gone_calls_people() -> None:
    """Also a lent one: it may be open."""
    closing, _ = after(
        MADE, heard.Reserved(()), MINTED, heard.PlayEnded(PlayOutcome.OK, ""), heard.GrantNotProvenGone("sealed")
    )
    later = decide(closing, [], NOW + 2 * MINUTE).incident
    assert later.escalation is not None


def test_a_request_that_is_withdrawn_opens_nothing() -> None:
    """Before its grant was minted."""
    closed, _ = after(MADE, heard.Blocked("web1 is under repair", MINUTE), OVER)
    assert (closed.state, closed.attempts) == (State.CLOSED, ())
