# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds in the lives of incidents: who sets one, who waits for its end, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.incidents import (
    DAY,
    HOUR,
    MINUTE,
    NEVER_WAITS,
    NOW,
    SECOND,
    make_alert,
    make_course,
    make_incident,
    make_ladder,
    make_plan,
)

from breakglass.domain import messages as heard
from breakglass.domain.deciding import decide
from breakglass.domain.draft import Decision
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.rules import Mode

FIRING = heard.AlertArrived(make_alert())
RESOLVED = heard.AlertArrived(make_alert("resolved"))
RESERVED = heard.Reserved(())
MINTED = heard.GrantMinted("accessor-1", NOW + 10 * MINUTE)
RAN = heard.PlayEnded(PlayOutcome.OK, "it ran")
GONE = heard.GrantProvenGone(NOW, "")
TOLD = heard.Delivered(("channel-1",))
NOT_TOLD = heard.NotDelivered("it did not take the message")
HELD = heard.Held("web1 is held by INC-OTHER1")
ISOLATION = make_course(holds_host=True)


def after(incident: Incident, *messages: heard.Message, now_is: timedelta = timedelta(0)) -> Decision:
    """Decide once for each message; the last decision."""
    decision = Decision(incident, (), None)
    for batch in [(message,) for message in messages] or [()]:
        decision = decide(decision.incident, batch, NOW + now_is)
    return decision


def isolated(course: object = None) -> Decision:
    """A repair that holds its host has run, and its grant is gone."""
    return after(make_incident(course or ISOLATION), FIRING, RESERVED, MINTED, RAN, GONE)  # type: ignore[arg-type]


def test_the_hold_comes_with_the_end_of_the_play() -> None:
    """The decision that takes in the end of the play sets the hold, before the grant is closed."""
    decision = after(make_incident(ISOLATION), FIRING, RESERVED, MINTED, RAN)
    assert decision.incident.effect is Effect.CLOSE_GRANT
    assert decision.hold is not None
    assert decision.hold.sets
    assert after(decision.incident, GONE).hold is None


def test_people_are_told_that_a_host_is_held() -> None:
    """As soon as the grant is gone people hear of it, though the repair went well."""
    decision = isolated()
    assert (decision.incident.state, decision.incident.effect) == (State.VERIFYING, Effect.ESCALATE)
    assert decision.incident.escalation is not None
    assert decision.incident.escalation.reason == (
        "restart_service ran on web1: nothing else starts there until the hold is lifted"
    )


def test_it_closes_as_repaired_once_people_know() -> None:
    """The alert's end closes it as repaired, but not before somebody's channel took the message."""
    decision = after(isolated().incident, NOT_TOLD, RESOLVED)
    assert decision.incident.state is State.VERIFYING
    assert decision.look_again_at == NOW + SECOND
    decision = after(decision.incident, now_is=SECOND)
    assert decision.incident.effect is Effect.ESCALATE
    decision = after(decision.incident, TOLD, now_is=SECOND)
    assert (decision.incident.state, decision.incident.result) == (State.CLOSED, Result.REPAIRED)


def test_a_channel_that_is_down_for_longer_than_the_verification() -> None:
    """Nobody is skipped: what the verification makes of the alert waits until people have been told of the hold."""
    decision = after(isolated().incident, NOT_TOLD)
    late = after(decision.incident, now_is=HOUR)
    assert (late.incident.state, late.incident.effect) == (State.VERIFYING, Effect.ESCALATE)


def test_people_are_told_once() -> None:
    """A further attempt of the same incident sets no second alarm."""
    course = make_course(holds_host=True, limits=replace(NEVER_WAITS, attempts=2))
    again = after(after(isolated(course).incident, TOLD).incident, now_is=10 * MINUTE)
    assert (again.incident.effect, again.incident.escalation) == (Effect.RESERVE, None)
    second = after(again.incident, RESERVED, MINTED, RAN, GONE, now_is=10 * MINUTE)
    assert (second.incident.state, second.incident.effect) == (State.VERIFYING, None)


def test_the_ladder_goes_on_while_nobody_lifts_the_alert() -> None:
    """The next rung is told when its time has come, as for every escalation."""
    course = make_course(holds_host=True, ladder=make_ladder(5 * MINUTE, None))
    told = after(isolated(course).incident, TOLD)
    assert told.look_again_at == NOW + 5 * MINUTE
    assert after(told.incident, now_is=5 * MINUTE).incident.effect is Effect.ESCALATE


def test_a_held_incident_waits_and_wakes_nobody() -> None:
    """However long the hold stands, the incident looks again and again, says once what it waits for, and calls nobody."""
    incident, said = after(make_incident(), FIRING).incident, []
    now = NOW
    while now < NOW + 3 * HOUR:
        decision = decide(incident, [HELD], now)
        said += [note.kind for note in decision.notes]
        assert decision.incident.state is State.WAITING
        assert decision.incident.blocked == HELD.why
        assert decision.incident.escalation is None
        assert decision.look_again_at is not None
        assert SECOND <= decision.look_again_at - now <= MINUTE
        now = decision.look_again_at
        incident = decide(decision.incident, (), now).incident
        assert incident.effect is Effect.RESERVE
    assert said == ["limits.waiting"]


def test_it_goes_on_when_the_hold_is_over() -> None:
    """The hold is lifted: the repair begins; patience with what else may be in the way begins there too."""
    incident = after(make_incident(), FIRING).incident
    incident = after(incident, HELD, now_is=DAY).incident
    incident = after(incident, now_is=DAY + MINUTE).incident
    waits = after(incident, heard.Blocked("web1 is under repair (INC-X)", SECOND), now_is=DAY + MINUTE)
    assert waits.incident.state is State.WAITING
    goes_on = after(after(waits.incident, now_is=DAY + 2 * MINUTE).incident, RESERVED, now_is=DAY + 2 * MINUTE)
    assert goes_on.incident.effect is Effect.OPEN_GRANT


def test_an_alert_that_was_only_of_the_isolation() -> None:
    """The alert of a held host resolves while it waits: nothing was tried, nobody is called."""
    incident = after(make_incident(), FIRING, HELD).incident
    over = after(incident, RESOLVED, now_is=MINUTE)
    assert (over.incident.state, over.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)


@pytest.mark.parametrize("outcome", [PlayOutcome.UNKNOWN, PlayOutcome.TIMED_OUT])
def test_nobody_saw_the_end(outcome: PlayOutcome) -> None:
    """A repair that may have held its host leaves the hold behind, and its incident escalates as ever."""
    once = make_course(holds_host=True, idempotent=False, limits=replace(NEVER_WAITS, attempts=1))
    decision = after(make_incident(once), FIRING, RESERVED, MINTED, heard.PlayEnded(outcome, "nobody saw it"))
    assert decision.hold is not None
    assert decision.hold.sets
    assert after(decision.incident, GONE).incident.state is State.ESCALATED


def test_who_asked_is_told_why() -> None:
    """A request that a hold stops ends at once, and its standing says the reason."""
    loan = make_course(plan=replace(make_plan(), remediation=""))
    refused = after(make_incident(loan), FIRING, heard.OverLimit("web1 is held by ada"))
    assert (refused.incident.state, refused.incident.result) == (State.CLOSED, Result.REFUSED)
    assert refused.incident.blocked == "web1 is held by ada"


def test_observing_sets_no_hold() -> None:
    """What would hold a host but only observes holds nothing."""
    decision = after(make_incident(make_course(holds_host=True, mode=Mode.OBSERVE)), FIRING, RESERVED)
    assert (decision.incident.result, decision.hold) == (Result.OBSERVED, None)
