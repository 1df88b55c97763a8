# SPDX-License-Identifier: GPL-3.0-or-later
"""Troubles of an incident: what can't be closed, told, seen or started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import HOUR, MINUTE, SECOND, make_alert, make_course, make_ladder
from tests.unit.domain.test_deciding_stories import (
    FIRING,
    GONE,
    MINTED,
    NOT_GONE,
    NOT_TOLD,
    RAN,
    RESERVED,
    RESOLVED,
    TOLD,
    UNHEALTHY,
    Story,
    limited,
    started,
)

from breakglass.domain import messages as heard
from breakglass.domain.incident import Effect, PlayOutcome, Result, State

if TYPE_CHECKING:
    from datetime import timedelta

INTERRUPTED = heard.Interrupted()
POSTPONED = heard.NotStarted("the runner is stopping")
UNSEEN = heard.PlayEnded(PlayOutcome.UNKNOWN, "the play was killed; nobody saw its end")
STOPPED = heard.PlayEnded(PlayOutcome.STOPPED, "the play was ended because the runner stopped")


def keep_failing_to_close(story: Story, until: timedelta) -> None:
    """Let every try to close the grant fail until so much time has passed."""
    end = story.now + until
    while story.now < end:
        assert story.incident.effect is Effect.CLOSE_GRANT
        story.hears(NOT_GONE)
        assert story.look_again_at is not None
        story.hears(after=story.look_again_at - story.now)


def test_a_grant_that_is_not_proven_gone() -> None:
    """Closing is tried again and again; after a minute people are told, and the tries go on until it is proven."""
    story = started()
    story.hears(RAN)
    keep_failing_to_close(story, MINUTE)
    assert (story.state, story.incident.effect, story.incident.result) == (State.CLOSING, Effect.ESCALATE, None)
    assert "Vault is sealed" in story.incident.escalation.reason
    assert story.hears(TOLD) is Effect.CLOSE_GRANT
    keep_failing_to_close(story, HOUR)
    assert story.kinds.count("escalation.begun") == 1
    assert story.hears(GONE) is None
    assert story.state is State.VERIFYING
    assert story.look_again_at == story.now + 10 * MINUTE
    story.hears(RESOLVED)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)


def test_closing_does_not_wait_for_the_channel() -> None:
    """A channel that takes no message does not stop the tries to close the grant, nor the other way round."""
    story = started()
    story.hears(RAN)
    keep_failing_to_close(story, MINUTE)
    effects = []
    for _ in range(20):
        effects.append(story.incident.effect)
        story.hears(NOT_TOLD if story.incident.effect is Effect.ESCALATE else NOT_GONE)
        if story.incident.effect is None:
            story.hears(after=story.look_again_at - story.now)
    assert {Effect.ESCALATE, Effect.CLOSE_GRANT} == set(effects)
    assert min(effects.count(Effect.ESCALATE), effects.count(Effect.CLOSE_GRANT)) >= 5


def test_people_are_told_again_about_the_next_grant() -> None:
    """Each grant that can't be proven gone is told to people, also when an earlier one was."""
    story = started()
    for following in (Effect.RESERVE, Effect.ESCALATE):
        story.hears(UNHEALTHY)
        keep_failing_to_close(story, MINUTE)
        assert story.incident.effect is Effect.ESCALATE
        assert story.hears(TOLD, GONE) is following
        if following is Effect.RESERVE:
            story.hears(RESERVED, MINTED)
    assert story.kinds.count("escalation.delivered") == 2


def test_the_ladder_of_closing_is_climbed() -> None:
    """While a grant is not proven gone, rung after rung is told, and closing is tried in between."""
    story = started(make_course(ladder=make_ladder(5 * MINUTE, None)))
    story.hears(RAN)
    keep_failing_to_close(story, MINUTE)
    story.hears(TOLD)
    keep_failing_to_close(story, 4 * MINUTE)
    while story.incident.effect is Effect.CLOSE_GRANT:
        story.hears(NOT_GONE)
        if story.incident.effect is None:
            story.hears(after=story.look_again_at - story.now)
    assert (story.incident.effect, story.incident.escalation.rung) == (Effect.ESCALATE, 1)


def test_the_ladder_climbs() -> None:
    """Each rung gets its time, counted from its first try; the last one stays."""
    story = Story(make_course(refusal="no host", ladder=make_ladder(5 * MINUTE, 10 * MINUTE, None)))
    story.hears(FIRING)
    start = story.now
    for rung, wait in enumerate([5 * MINUTE, 10 * MINUTE, None]):
        assert (story.incident.effect, story.incident.escalation.rung) == (Effect.ESCALATE, rung)
        assert story.hears(TOLD) is None
        if wait:
            assert story.look_again_at == story.now + wait
            story.hears(after=wait)
    assert story.now == start + 15 * MINUTE
    assert story.hears(after=24 * HOUR) is None
    assert story.incident.escalation.delivered == (0, 1, 2)


def test_a_rung_that_takes_nothing_is_passed_in_its_time() -> None:
    """A rung whose channels are down is tried again, and the next rung comes when its time is over all the same."""
    story = Story(make_course(refusal="no host", ladder=make_ladder(5 * MINUTE, None)))
    story.hears(FIRING)
    start = story.now
    while story.incident.escalation.rung == 0:
        assert story.hears(NOT_TOLD) is None
        assert SECOND <= story.look_again_at - story.now <= MINUTE
        assert story.hears(after=story.look_again_at - story.now) is Effect.ESCALATE
    assert story.now - start == 5 * MINUTE


def test_the_last_rung_is_tried_for_ever() -> None:
    """A last rung that takes no message is tried every minute, and the incident does not close before one is taken."""
    story = Story(make_course(refusal="no host"))
    story.hears(FIRING, RESOLVED)
    pauses = []
    for _ in range(200):
        assert story.hears(NOT_TOLD) is None
        assert story.state is State.ESCALATED
        pauses.append(story.look_again_at - story.now)
        assert story.hears(after=pauses[-1]) is Effect.ESCALATE
    assert pauses[:3] == [SECOND, 2 * SECOND, 4 * SECOND]
    assert set(pauses[6:]) == {MINUTE}
    story.hears(TOLD)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REFUSED)


@pytest.mark.parametrize(
    ("before", "effect"),
    [
        ((FIRING,), Effect.RESERVE),
        ((FIRING, RESERVED), Effect.OPEN_GRANT),
        ((FIRING, RESERVED, MINTED, RAN), Effect.CLOSE_GRANT),
        ((FIRING, heard.OverLimit("the hold is set")), Effect.ESCALATE),
    ],
)
def test_interrupted(before: tuple[heard.Message, ...], effect: Effect) -> None:
    """An effect whose runner died is begun again when repeating it does no harm, and the journal says so."""
    story = Story()
    assert story.hears(*before) is effect
    state = story.state
    assert story.hears(INTERRUPTED) is effect
    assert story.state is state
    assert "effect.interrupted" in story.kinds


@pytest.mark.parametrize("unseen", [INTERRUPTED, UNSEEN, STOPPED])
def test_an_unseen_play_is_not_repeated(unseen: heard.Message) -> None:
    """A remediation that is not idempotent is never repeated after an outcome that nobody saw: people decide."""
    story = started(make_course(idempotent=False))
    assert story.hears(unseen) is Effect.CLOSE_GRANT
    assert story.hears(GONE) is Effect.ESCALATE
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.UNKNOWN)
    assert "may not be repeated" in story.incident.escalation.reason


def test_a_restart_uses_no_attempt_up() -> None:
    """A play that ended because its runner stopped is repeated without counting, if the remediation may be repeated."""
    story = started()
    for _ in range(3):
        assert story.hears(STOPPED, GONE) is Effect.RESERVE
        assert story.hears(RESERVED, MINTED) is Effect.RUN_PLAY


@pytest.mark.parametrize("unseen", [INTERRUPTED, UNSEEN])
def test_an_unseen_play_of_an_idempotent_remediation(unseen: heard.Message) -> None:
    """A remediation that says it may be repeated is, within its attempts; the last unseen outcome is called unknown."""
    story = started()
    assert story.hears(unseen, GONE) is Effect.RESERVE
    assert story.hears(RESERVED, MINTED, unseen, GONE) is Effect.ESCALATE
    assert story.incident.result is Result.UNKNOWN


def test_an_unseen_failure_is_not_called_a_success() -> None:
    """An interrupted play whose alert resolved goes by the alert, and the journal still says that nobody saw its end."""
    story = started()
    story.hears(INTERRUPTED, RESOLVED, GONE)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)
    assert story.incident.attempt.outcome is PlayOutcome.UNKNOWN


@pytest.mark.parametrize(("before", "effect"), [((FIRING,), Effect.RESERVE), ((FIRING, RESERVED), Effect.OPEN_GRANT)])
def test_not_started(before: tuple[heard.Message, ...], effect: Effect) -> None:
    """What could not be started yet is tried again in five seconds."""
    story = Story()
    story.hears(*before)
    assert story.hears(POSTPONED) is None
    assert story.look_again_at == story.now + 5 * SECOND
    assert story.hears(after=5 * SECOND) is effect


def test_a_play_that_was_not_started() -> None:
    """A play that could not be started has its grant closed at once, and uses up an attempt."""
    story = started(limited(attempts=1))
    assert story.hears(POSTPONED) is Effect.CLOSE_GRANT
    assert story.incident.attempt.outcome is PlayOutcome.NOT_STARTED
    assert story.hears(GONE) is Effect.ESCALATE


def test_a_message_that_was_not_started() -> None:
    """An escalation that could not be started counts as one that nobody took."""
    story = Story(make_course(refusal="no host"))
    story.hears(FIRING)
    assert story.hears(POSTPONED) is None
    assert story.look_again_at == story.now + SECOND


def test_an_outcome_of_nothing() -> None:
    """An outcome without an effect changes nothing."""
    story = Story()
    story.hears(FIRING, RESERVED, heard.GrantNotMinted("Vault is sealed", retryable=True))
    before, notes = story.incident, len(story.notes)
    story.hears(RAN)
    assert (story.incident, len(story.notes)) == (before, notes)


@pytest.mark.parametrize(("before", "effect"), [((FIRING,), Effect.RESERVE), ((FIRING, RESERVED), Effect.OPEN_GRANT)])
def test_what_keeps_from_starting_may_last(before: tuple[heard.Message, ...], effect: Effect) -> None:
    """What could not be started for two minutes, for a reason that may last, is told to people; said once, not each time."""
    story = Story()
    story.hears(*before)
    lasting = heard.NotStarted("nothing starts that can't be recorded: the disk is full", may_last=True)
    for _ in range(24):
        assert story.hears(lasting) is None
        assert story.hears(after=5 * SECOND) is effect
    assert story.hears(lasting) is Effect.ESCALATE
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.FAILED)
    assert story.kinds.count("effect.postponed") == 1


def test_another_alert_after_automation_has_ended() -> None:
    """An alert that joins an escalated incident calls people again from the first rung; a repetition does not."""
    story = Story(make_course(refusal="no host", ladder=make_ladder(5 * MINUTE, None)))
    story.hears(FIRING, TOLD)
    story.hears(after=5 * MINUTE)
    assert story.hears(TOLD) is None
    assert story.hears(FIRING) is None
    assert story.hears(heard.AlertArrived(make_alert(fingerprint="f2", name="DiskFull"))) is Effect.ESCALATE
    assert (story.incident.escalation.rung, story.incident.escalation.delivered) == (0, ())
    assert "DiskFull" in story.incident.escalation.reason
    story.hears(TOLD, RESOLVED)
    assert story.state is State.ESCALATED
    story.hears(heard.AlertArrived(make_alert("resolved", fingerprint="f2")))
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REFUSED)


def test_a_host_that_hangs_and_goes_silent_is_told_to_people() -> None:
    """Its repair hangs until its box is over, and its alert resolves because nothing measures it any more."""
    story = started()
    assert (
        story.hears(heard.PlayEnded(PlayOutcome.TIMED_OUT, "the play was ended after its time box"))
        is Effect.CLOSE_GRANT
    )
    assert story.hears(RESOLVED, GONE) is Effect.ESCALATE
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.UNKNOWN)
    story.hears(heard.Delivered(("chat",)))
    assert (story.state, story.incident.result) == (State.CLOSED, Result.UNKNOWN)
