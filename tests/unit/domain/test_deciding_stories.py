# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives of incidents, told one by one: what `decide` makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

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
)

from breakglass.domain import messages as heard
from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect, PlayOutcome, Result, State
from breakglass.domain.rules import Mode

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.domain.course import Course
    from breakglass.domain.draft import Note

RESERVED = heard.Reserved(("cooldown 0 s",))
MINTED = heard.GrantMinted("accessor-1", NOW + 10 * MINUTE)
RAN = heard.PlayEnded(PlayOutcome.OK, "the remediation ran and its own check passed")
UNHEALTHY = heard.PlayEnded(PlayOutcome.FAILED, "Check health failed on web1: no answer")
GONE = heard.GrantProvenGone(NOW, "")
NOT_GONE = heard.GrantNotProvenGone("Vault is sealed")
TOLD = heard.Delivered(("channel-1",))
NOT_TOLD = heard.NotDelivered("it did not take the message")
FIRING = heard.AlertArrived(make_alert())
RESOLVED = heard.AlertArrived(make_alert("resolved"))


class Story:
    """One incident and its clock."""

    def __init__(self, course: Course | None = None) -> None:
        self.incident = make_incident(course)
        self.now = NOW
        self.notes: list[Note] = []
        self.look_again_at: datetime | None = None

    def hears(self, *messages: heard.Message, after: timedelta = timedelta(0)) -> Effect | None:
        """Decide once for each message; gives the effect that is asked for at the end."""
        self.now += after
        for batch in [(message,) for message in messages] or [()]:
            decision = decide(self.incident, batch, self.now)
            self.incident, self.look_again_at = decision.incident, decision.look_again_at
            self.notes += decision.notes
        return self.incident.effect

    def hears_at_once(self, *messages: heard.Message) -> Effect | None:
        """Decide once for all messages, as the engine does for what has come during an effect."""
        decision = decide(self.incident, messages, self.now)
        self.incident, self.look_again_at = decision.incident, decision.look_again_at
        self.notes += decision.notes
        return self.incident.effect

    @property
    def kinds(self) -> list[str]:
        return [note.kind for note in self.notes]

    @property
    def state(self) -> State:
        return self.incident.state


def started(course: Course | None = None) -> Story:
    """A story at the moment in which the play has been asked for."""
    story = Story(course)
    assert story.hears(FIRING, RESERVED, MINTED) is Effect.RUN_PLAY
    return story


def limited(**limits: object) -> Course:
    return make_course(limits=replace(NEVER_WAITS, **limits))


def test_repaired() -> None:
    """An alert that fires, a repair that works and an alert that resolves make a repaired incident, step by step."""
    story = Story()
    for message, effect in [
        (FIRING, Effect.RESERVE),
        (RESERVED, Effect.OPEN_GRANT),
        (MINTED, Effect.RUN_PLAY),
        (RAN, Effect.CLOSE_GRANT),
        (GONE, None),
    ]:
        assert story.hears(message) is effect
    assert (story.state, story.look_again_at) == (State.VERIFYING, NOW + 10 * MINUTE)
    story.hears(RESOLVED, after=MINUTE)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)
    assert story.kinds == [
        *("incident.opened", "alert.firing", "limits.passed", "plan.made", "approval.given", "grant.intent"),
        *("grant.minted", "play.intent", "play.ended", "grant.revoked", "alert.resolved", "verified"),
        "incident.closed",
    ]
    assert story.notes[-1].body == {"result": "repaired", "seconds": 60.0}


def test_the_approval_names_plan_and_policy_line() -> None:
    """The approval that is journalled bears the digest of the plan and the line of the policy that says so."""
    story = started()
    made, given = (
        next(note.body for note in story.notes if note.kind == kind) for kind in ("plan.made", "approval.given")
    )
    assert story.incident.course.plan is not None
    assert made["digest"] == given["digest"] == story.incident.course.plan.digest
    assert (given["by"], given["policy_line"]) == ("automatic", "breakglass.yml:9")


def test_resolved_before_the_play_ended() -> None:
    """An alert that resolves while the play runs is verified as soon as the grant is proven gone."""
    story = started()
    assert story.hears(RAN, RESOLVED, GONE) is None
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)


def test_the_health_check_fails_twice() -> None:
    """Two attempts whose own check fails use up the attempts; people are called, and told before it closes."""
    story = started()
    assert story.hears(UNHEALTHY, GONE) is Effect.RESERVE
    assert story.hears(RESERVED, replace(MINTED, accessor="accessor-2"), UNHEALTHY, GONE) is Effect.ESCALATE
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.FAILED)
    assert story.incident.escalation is not None
    assert story.incident.escalation.reason == UNHEALTHY.sentence
    assert [attempt.accessor for attempt in story.incident.attempts] == ["accessor-1", "accessor-2"]
    story.hears(TOLD)
    assert story.state is State.ESCALATED
    story.hears(RESOLVED, after=HOUR)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.FAILED)


def test_the_alert_does_not_resolve_in_time() -> None:
    """A repair after which the alert goes on firing is tried a second time, and then people are called."""
    story = started()
    story.hears(RAN, GONE)
    assert story.hears(after=10 * MINUTE - SECOND) is None
    assert story.hears(after=SECOND) is Effect.RESERVE
    assert story.notes[-1].body["attempts_left"] == 1
    assert story.hears(RESERVED, MINTED, RAN, GONE) is None
    assert story.hears(after=10 * MINUTE) is Effect.ESCALATE
    assert story.incident.result is Result.FAILED
    assert "did not resolve within 600 s" in story.incident.escalation.reason


@pytest.mark.parametrize("before", [(), (RESERVED,)])
def test_a_late_success_counts_as_repaired(before: tuple[heard.Message, ...]) -> None:
    """An alert that resolves before the second attempt's grant is open was repaired by the first attempt."""
    story = started()
    story.hears(RAN, GONE)
    story.hears(after=10 * MINUTE)
    story.hears(*before)
    waiting = (
        heard.Blocked("web1 is under repair", SECOND) if not before else heard.GrantNotMinted("sealed", retryable=True)
    )
    assert story.hears(waiting) is None
    story.hears(RESOLVED)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)


def test_resolved_before_anything_started() -> None:
    """An alert that resolves while its incident waits closes it, and nobody is woken."""
    story = Story(limited(firing_for=MINUTE))
    assert story.hears(heard.AlertArrived(make_alert(starts_at=NOW))) is None
    story.hears(heard.AlertArrived(make_alert("resolved", starts_at=NOW)), after=5 * SECOND)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)
    assert "escalation.begun" not in story.kinds


@pytest.mark.parametrize("message", [RESERVED, heard.Blocked("web1 is under repair", SECOND)])
def test_resolved_while_the_limits_were_asked(message: heard.Message) -> None:
    """An alert that resolves while hosts are being claimed starts no grant."""
    story = Story()
    story.hears(FIRING)
    assert story.hears(RESOLVED) is Effect.RESERVE
    assert story.hears(message) is None
    assert (story.state, story.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)


@pytest.mark.parametrize(
    ("started_ago", "waits"),
    [(timedelta(0), 60), (20 * SECOND, 40), (60 * SECOND, 0), (DAY, 0), (-HOUR, 60)],
    ids=["just now", "a little", "long enough", "a sender's clock that is behind", "a sender's clock that is ahead"],
)
def test_young_alerts_wait(started_ago: timedelta, waits: int) -> None:
    """An alert waits until it has fired for as long as the trigger says, and never longer than from its arrival on."""
    story = Story(limited(firing_for=MINUTE))
    effect = story.hears(heard.AlertArrived(make_alert(starts_at=NOW - started_ago)))
    if waits:
        assert (effect, story.look_again_at) == (None, NOW + waits * SECOND)
        assert story.incident.blocked == "the alert must fire for 60 s first"
        assert story.hears(after=waits * SECOND) is Effect.RESERVE
    else:
        assert effect is Effect.RESERVE


def test_cooldown_waits() -> None:
    """A cooldown is waited for, looked at again at least every minute, and said once in the journal."""
    story = Story()
    story.hears(FIRING)
    for left in (150, 90, 30):
        assert story.hears(heard.Blocked("cooldown of web1", left * SECOND)) is None
        assert story.look_again_at == story.now + min(left, 60) * SECOND
        assert story.hears(after=min(left, 60) * SECOND) is Effect.RESERVE
    assert story.kinds.count("limits.waiting") == 1
    assert story.hears(RESERVED) is Effect.OPEN_GRANT


@pytest.mark.parametrize("firing_for", [timedelta(0), 2 * HOUR])
def test_nobody_waits_for_ever(firing_for: timedelta) -> None:
    """An incident that has been blocked for an hour, the time in which its alert was too young not counted, is refused."""
    story = Story(limited(firing_for=firing_for))
    story.hears(heard.AlertArrived(make_alert(starts_at=NOW)))
    story.hears(after=firing_for)
    assert story.hears(heard.Blocked("web1 is under repair", SECOND)) is None
    assert story.hears(after=HOUR) is Effect.RESERVE
    assert story.hears(heard.Blocked("web1 is under repair", SECOND)) is Effect.ESCALATE
    assert story.incident.result is Result.REFUSED


def test_over_the_limit() -> None:
    """A hold, or a limit that time does not heal, is journalled and sends the incident to people."""
    story = Story()
    story.hears(FIRING)
    assert story.hears(heard.OverLimit("the hold is set by alice: change freeze")) is Effect.ESCALATE
    assert "limits.refused" in story.kinds
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.REFUSED)
    assert not story.incident.attempts


def test_a_refused_alert() -> None:
    """An alert that no plan can be made for is journalled with its reason, and people are told."""
    story = Story(make_course(refusal="unknown-host: web9 is not a host"))
    assert story.hears(FIRING) is Effect.ESCALATE
    assert "alert.refused" in story.kinds
    assert story.incident.result is Result.REFUSED


def test_observing() -> None:
    """In observe mode the journal says what would have run, and nothing else happens."""
    story = Story(make_course(mode=Mode.OBSERVE))
    assert story.hears(FIRING) is Effect.RESERVE
    assert story.hears(RESERVED) is None
    assert (story.state, story.incident.result) == (State.CLOSED, Result.OBSERVED)
    assert story.notes[-2].body == {"would_have_run": "breakglass.remediation.restart_service", "hosts": ["web1"]}


@pytest.mark.parametrize(
    ("course", "messages"),
    [
        (make_course(mode=Mode.OBSERVE, refusal="unknown-host: web9"), []),
        (make_course(mode=Mode.OBSERVE), [heard.OverLimit("the hold is set")]),
    ],
)
def test_observing_what_would_be_refused(course: Course, messages: list[heard.Message]) -> None:
    """In observe mode a refusal is journalled and wakes nobody."""
    story = Story(course)
    story.hears(FIRING, *messages)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.OBSERVED)
    assert "would_not_have_run" in story.notes[-2].body


def test_vault_is_away_when_the_grant_is_wanted() -> None:
    """A grant that waiting may help is asked for again, at growing distances, for two minutes; then people are called."""
    story = Story()
    story.hears(FIRING, RESERVED)
    sealed, pauses = heard.GrantNotMinted("Vault is sealed", retryable=True), []
    while story.hears(sealed) is None:
        pauses.append((story.look_again_at - story.now).total_seconds())
        assert story.hears(after=story.look_again_at - story.now) is Effect.OPEN_GRANT
    assert pauses == [1, 2, 4, 8, 16, 32, 60]
    assert (story.state, story.incident.result, story.incident.effect) == (
        State.ESCALATED,
        Result.FAILED,
        Effect.ESCALATE,
    )


def test_vault_refuses_the_grant() -> None:
    """A grant that waiting can't help calls people at once."""
    story = Story()
    assert story.hears(FIRING, RESERVED, heard.GrantNotMinted("permission denied", retryable=False)) is Effect.ESCALATE
    assert story.incident.result is Result.FAILED


def test_only_the_last_word_on_an_occurrence_counts() -> None:
    """A late `resolved` of an earlier occurrence does not resolve the one that fires now; its own does."""
    story = Story(limited(firing_for=DAY))
    story.hears(heard.AlertArrived(make_alert(starts_at=NOW)))
    story.hears(heard.AlertArrived(make_alert("resolved", starts_at=NOW - SECOND)))
    assert (story.state, story.incident.resolved) == (State.WAITING, False)
    story.hears(heard.AlertArrived(make_alert("resolved", starts_at=NOW)))
    assert story.state is State.CLOSED


def test_it_fires_again_while_it_is_verified() -> None:
    """An alert that resolved and fires again before the grant is gone is a fault that is still there."""
    story = started()
    story.hears(RESOLVED, heard.AlertArrived(make_alert(starts_at=NOW)), RAN, GONE)
    assert (story.state, story.incident.resolved) == (State.VERIFYING, False)


def test_every_alert_of_the_incident_must_resolve() -> None:
    """An incident of two alerts is repaired when both have resolved."""
    story = started()
    story.hears(heard.AlertArrived(make_alert(fingerprint="f2")), RAN, GONE, RESOLVED)
    assert story.state is State.VERIFYING
    story.hears(heard.AlertArrived(make_alert("resolved", fingerprint="f2")))
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)


@pytest.mark.parametrize(
    ("annotations", "says"),
    [
        ({"summary": "it is down", "description": "longer"}, "it is down"),
        ({"summary": "", "description": "a\nb\x1b[2J"}, "a b [2J"),
        ({"message": "x" * 400}, "x" * 299 + "…"),
        ({"runbook_url": "https://example.com"}, ""),
    ],
)
def test_an_incident_keeps_what_its_alert_says_for_people(annotations: dict[str, str], says: str) -> None:
    """The shortest of what rules call so, as one line; a link that came with the alert is not kept."""
    story = Story()
    story.hears(heard.AlertArrived(replace(make_alert(), annotations=annotations)))
    assert [fault.says for fault in story.incident.faults] == [says]
