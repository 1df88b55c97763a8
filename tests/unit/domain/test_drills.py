# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill does and what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from tests.support.incidents import MINUTE, NOW, SECOND, make_alert, make_course, make_incident, make_ladder, make_plan

from breakglass.domain import messages as heard
from breakglass.domain.alert import DRILL
from breakglass.domain.deciding import decide
from breakglass.domain.drills import Measured, Phase, drill_course, everybody, hosts_of, measure
from breakglass.domain.holds import Hold, Scope, change_after, in_the_way, waits_quietly
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.plan import Plan
from breakglass.domain.routing import Planned, Reason, Refused, Unmatched
from breakglass.domain.rules import Access, Drill, Ladder, Mode, Policy, Rung, SshCredential, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

COURSE = make_course(plan=replace(make_plan(), check_mode=True), ladder=everybody(make_ladder(MINUTE, None)))
COURSE = replace(COURSE, drill="shop", limits=replace(COURSE.limits, attempts=1))
FIRES = heard.AlertArrived(make_alert(source=DRILL))
RESOLVES = heard.AlertArrived(make_alert("resolved", source=DRILL))
MINTED = heard.GrantMinted("accessor-1", NOW + 10 * MINUTE)
OK = heard.PlayEnded(PlayOutcome.OK, "the remediation ran and its own check passed")
GONE = heard.GrantProvenGone(NOW + MINUTE, "")
UP_TO_VERIFYING = (FIRES, heard.Reserved(()), MINTED, OK, GONE)


def after(*messages: heard.Message, at: datetime = NOW) -> tuple[Incident, list[str]]:
    incident, kinds = make_incident(COURSE), list[str]()
    for message in messages:
        decision = decide(incident, [message], at)
        incident, kinds = decision.incident, [*kinds, *(note.kind for note in decision.notes)]
    return incident, kinds


def test_a_drill_tells_everybody_before_it_is_over() -> None:
    """Its alert resolves, every channel is told, and only then it is rehearsed; nothing of it counts as a repair."""
    telling, kinds = after(*UP_TO_VERIFYING, RESOLVES)
    assert (telling.state, telling.effect) == (State.VERIFYING, Effect.ESCALATE)
    assert kinds[-2:] == ["verified", "escalation.begun"]
    closed, _ = after(*UP_TO_VERIFYING, RESOLVES, heard.Delivered(("channel-1", "channel-2")))
    assert (closed.state, closed.result) == (State.CLOSED, Result.REHEARSED)


def test_a_channel_that_takes_nothing_fails_the_drill() -> None:
    """The others are told that, in a second message."""
    partly = heard.Delivered(("channel-1",), ("channel-2: it did not take the message",))
    calling, _ = after(*UP_TO_VERIFYING, RESOLVES, partly)
    assert (calling.state, calling.effect) == (State.ESCALATED, Effect.ESCALATE)
    assert calling.escalation is not None
    assert "channel-2: it did not take" in calling.escalation.reason
    closed, _ = after(*UP_TO_VERIFYING, RESOLVES, partly, partly)
    assert (closed.state, closed.result) == (State.CLOSED, Result.FAILED)


def test_people_that_are_reached_late_fail_the_drill() -> None:
    """It goes on trying, as any incident does, and has failed."""
    waiting, _ = after(*UP_TO_VERIFYING, RESOLVES, heard.NotDelivered("no route to host"))
    assert (waiting.state, waiting.effect) == (State.VERIFYING, None)
    told = decide(waiting, [], NOW + MINUTE).incident
    assert told.effect is Effect.ESCALATE
    closed = decide(told, [heard.Delivered(("channel-1",))], NOW + MINUTE).incident
    assert (closed.state, closed.result) == (State.CLOSED, Result.FAILED)


@pytest.mark.parametrize(
    "trouble",
    [
        (heard.OverLimit("the hold is set"),),
        (heard.Reserved(()), heard.GrantNotMinted("permission denied", retryable=False)),
        (heard.Reserved(()), MINTED, heard.PlayEnded(PlayOutcome.FAILED, "web1: unreachable"), GONE),
        (heard.Reserved(()), MINTED, heard.PlayEnded(PlayOutcome.UNKNOWN, "killed"), GONE),
    ],
    ids=["limits", "credentials", "play", "unknown"],
)
def test_what_would_not_work_tonight_calls_people(trouble: tuple[heard.Message, ...]) -> None:
    """At once, without another attempt; the drill is over when they were told and its alert has resolved."""
    calling, _ = after(FIRES, *trouble)
    assert (calling.state, calling.effect, len(calling.attempts) <= 1) == (State.ESCALATED, Effect.ESCALATE, True)
    closed, _ = after(FIRES, *trouble, heard.Delivered(("channel-1",)), RESOLVES)
    assert closed.state is State.CLOSED
    assert closed.result not in (None, Result.REHEARSED)


def test_a_drill_leaves_its_host_to_what_is_real() -> None:
    """It ends, and wakes nobody: people are busy."""
    closed, kinds = after(FIRES, heard.GaveWay("web1 is under repair (INC-7K2F9X)"))
    assert (closed.state, closed.result, closed.escalation) == (State.CLOSED, Result.CANCELLED, None)
    assert "limits.refused" in kinds


def test_check_mode_holds_no_host() -> None:
    """Rehearsing an isolation in check mode has isolated nothing; a real one on a canary has."""
    holding = replace(COURSE, holds_host=True)
    assert change_after(holding, PlayOutcome.OK) is None
    assert holding.plan is not None
    assert change_after(replace(holding, plan=replace(holding.plan, check_mode=False)), PlayOutcome.OK) is not None


def test_a_drill_does_not_wait_for_the_hold_of_another_incident() -> None:
    """What would stop a repair tonight is what it is there to find."""
    hold = Hold(Scope.HOST, "web1", "isolate_host ran there", "", "INC-OTHER1", NOW)
    assert in_the_way(make_incident(COURSE), [hold]) == hold
    assert not waits_quietly(make_incident(COURSE), hold)


def test_check_mode_belongs_to_the_plan() -> None:
    """Its digest is another one, it is stored and read, and plans without it have the digest that they always had."""
    real = make_plan()
    check = replace(real, check_mode=True)
    assert check.digest != real.digest
    assert "check_mode" not in real.to_json()
    assert Plan.from_json(check.to_json()) == check
    assert Plan.from_json(real.to_json()) == real


# What becomes of the synthetic alert.


class _Literal:
    source = "x"

    def value(self, _alert: object) -> object:
        return "web1"


def trigger_named(name: str) -> Trigger:
    limits = replace(make_course().limits, firing_for=MINUTE, attempts=3)
    return Trigger(
        name=name,
        line="breakglass.yml:9",
        owner="shop-team",
        match={"alertname": ("ServiceDown",)},
        when=None,
        hosts=_Literal(),
        access="web-operator",
        approval="automatic",
        remediation="restart_service",
        parameters={},
        time_box=10 * MINUTE,
        limits=limits,
        alert_resolves_within=MINUTE,
        escalation="on-call",
        mode=Mode.OBSERVE,
    )


DRILL_RULE = Drill("shop", "breakglass.yml:20", "service-down", ("web_canary",), True, None, {})
ACCESS = Access("web-operator", ("web",), SshCredential("breakglass"), 15 * MINUTE, ticket_required=False)
POLICY = Policy("ab" * 32, {"web-operator": ACCESS}, (), {"on-call": make_ladder(MINUTE, None)})
RIGHT, OTHER = trigger_named("service-down"), trigger_named("anything")


def test_a_drill_acts_once_also_where_its_trigger_observes() -> None:
    """Rehearsing is what its entry in the policy allows."""
    course = drill_course(DRILL_RULE, RIGHT, Planned(RIGHT, make_plan()), POLICY, ["web1"])
    assert (course.mode, course.drill, course.limits.attempts) == (Mode.ACT, "shop", 1)
    assert course.limits.firing_for == MINUTE
    assert course.limits.cooldown == timedelta()
    assert course.plan == replace(make_plan(), check_mode=True)
    assert course.ladder == Ladder("on-call", (Rung(("channel-1", "channel-2"), None),))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Unmatched(), "meets no trigger"),
        (Planned(OTHER, make_plan()), "meets the trigger anything before service-down"),
        (Refused(RIGHT, Reason.UNKNOWN_HOST, "'web9' is not a host"), "unknown-host: 'web9' is not a host"),
        (Planned(RIGHT, make_plan("web1", "web2")), "the plan names web2, which no group of the drill has"),
    ],
)
def test_what_is_not_the_rehearsed_thing_is_refused(answer: Unmatched | Refused | Planned, said: str) -> None:
    """Nothing runs on another host, or by another trigger, in the name of a drill."""
    course = drill_course(DRILL_RULE, RIGHT, answer, POLICY, ["web1"])
    assert course.plan is None
    assert said in course.refusal


def test_hosts_of_a_drill_are_those_of_its_groups() -> None:
    """By name, so that they come by turns."""
    inventory = {"web2": frozenset({"web_canary", "all"}), "web1": frozenset({"web_canary"}), "db1": frozenset({"db"})}
    assert hosts_of(DRILL_RULE, inventory) == ("web1", "web2")


# What is measured.


@dataclass(frozen=True)
class Line:
    at: datetime
    kind: str
    body: Mapping[str, object] = field(default_factory=dict)


Said = tuple[str, dict[str, object]] | str


def lines(*kinds: Said) -> list[Line]:
    """Records of these kinds, a second apart."""
    pairs = [kind if isinstance(kind, tuple) else (kind, {}) for kind in kinds]
    return [Line(NOW + number * SECOND, kind, body) for number, (kind, body) in enumerate(pairs)]


WHOLE: tuple[Said, ...] = (
    "alert.firing",
    "limits.passed",
    "approval.given",
    "grant.minted",
    "run.started",
    ("play.ended", {"outcome": "ok", "why": "its own check passed"}),
    "grant.revoked",
    "verified",
    ("escalation.delivered", {"failed": []}),
)


def failed(measured: Measured) -> dict[str, str]:
    return {passage.phase.value: passage.sentence for passage in measured.failures}


def test_a_whole_drill_has_the_seconds_of_each_phase() -> None:
    """In the order of the way, from the alert to the people."""
    measured = measure(lines(*WHOLE))
    assert measured.complete
    assert [passage.phase for passage in measured.passages] == list(Phase)
    assert [passage.seconds for passage in measured.passages] == [0.0] + [1.0] * 8
    assert measured.seconds == 8.0
    assert measured.passages[5].sentence == "its own check passed"


def test_what_broke_is_named_and_what_comes_after_is_not_blamed() -> None:
    """One failure, with its own words; the people who were told of it are a phase that worked."""
    told: Said = ("escalation.delivered", {"failed": []})
    measured = measure(lines(*WHOLE[:3], ("grant.not_minted", {"why": "permission denied"}), told))
    assert failed(measured) == {"granted": "permission denied"}
    assert [passage.sentence for passage in measured.passages[4:8]] == ["not reached"] * 4
    assert measured.passages[8].seconds == 1.0 + 1.0
    assert not measured.complete


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ((*WHOLE[:1], ("alert.refused", {"why": "unknown-host: web9"})), {"matched": "unknown-host: web9"}),
        ((*WHOLE[:1], ("limits.refused", {"why": {"text": "held by ada", "size": 9}})), {"matched": "held by ada"}),
        ((*WHOLE[:4], ("play.ended", {"outcome": "not-started", "why": "no process"})), {"started": "no process"}),
        ((*WHOLE[:5], ("play.ended", {"outcome": "failed", "why": "503"})), {"repaired": "503"}),
        ((*WHOLE[:6], ("grant.not_proven_gone", {"why": "sealed"})), {"revoked": "sealed"}),
        ((*WHOLE[:8], ("escalation.not_delivered", {"why": "down"})), {"told": "down"}),
        ((*WHOLE[:8], ("escalation.delivered", {"failed": ["pager: no"]})), {"told": "pager: no"}),
        ((*WHOLE[:8], ("escalation.not_delivered", {"why": "down"}), WHOLE[8]), {"told": "down"}),
    ],
)
def test_each_phase_fails_by_its_own_records(broken: tuple[Said, ...], says: dict[str, str]) -> None:
    """Also telling people at the second try, or not all of them, is a failure."""
    assert failed(measure(lines(*broken))) == says


def test_a_grant_that_needed_two_tries_is_said() -> None:
    """It worked, and somebody may want to know why not at once."""
    measured = measure(lines(*WHOLE[:3], ("grant.not_minted", {"why": "sealed"}), *WHOLE[3:]))
    assert measured.complete
    assert measured.passages[3].sentence == "the grant was minted, but not at the first try: sealed"


def test_nothing_yet_is_no_failure() -> None:
    """A drill that has just begun."""
    measured = measure([])
    assert not measured.failures
    assert not measured.complete
    assert measured.seconds == 0.0


def test_giving_way_is_an_outcome_that_the_engine_knows() -> None:
    """The union of outcomes has it."""
    assert heard.GaveWay in get_args(heard.Outcome)
