# SPDX-License-Identifier: GPL-3.0-or-later
"""What people say to incidents, story by story."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import HOUR, MINUTE, NEVER_WAITS, SECOND, make_course, make_ladder
from tests.unit.domain.test_deciding_stories import FIRING, GONE, MINTED, RAN, RESERVED, RESOLVED, Story, started

from breakglass.domain import messages as heard
from breakglass.domain.closing import Closing
from breakglass.domain.incident import Effect, PlayOutcome, Result, State
from breakglass.domain.orders import Ordered, Word, refusal

FAILED = heard.PlayEnded(PlayOutcome.FAILED, "it did not help")
STOPPED = heard.PlayEnded(PlayOutcome.STOPPED, "cancelled")
TOLD = heard.Delivered(("channel-1",))
ONCE = make_course(limits=replace(NEVER_WAITS, attempts=1))


def said(word: Word) -> Ordered:
    return Ordered(word, "ada", "because")


def escalated() -> Story:
    """A story in which the only attempt failed, and people were told."""
    story = started(make_course(limits=replace(NEVER_WAITS, attempts=1), ladder=make_ladder(5 * MINUTE, None)))
    story.hears(FAILED, GONE, TOLD)
    assert (story.state, story.incident.effect) == (State.ESCALATED, None)
    return story


def test_who_acknowledges_is_not_called_further() -> None:
    """The next rung stays silent, and it is recorded who has heard."""
    story = escalated()
    story.hears(said(Word.ACKNOWLEDGE), after=MINUTE)
    assert story.hears(after=HOUR) is None
    assert story.incident.escalation is not None
    assert story.incident.escalation.acknowledged_by == "ada"
    assert story.notes[-1].body == {"word": "acknowledge", "by": "ada", "why": "because"}
    story.hears(RESOLVED, after=MINUTE)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.FAILED)


def test_without_an_acknowledgement_the_next_rung_is_called() -> None:
    """Else the test before this one would prove nothing."""
    assert escalated().hears(after=HOUR) is Effect.ESCALATE


def test_a_new_fault_calls_again_whoever_has_acknowledged() -> None:
    """They do not know of it."""
    story = escalated()
    story.hears(said(Word.ACKNOWLEDGE))
    other = replace(FIRING.alert, fingerprint="another")
    assert story.hears(heard.AlertArrived(other)) is Effect.ESCALATE
    assert story.incident.escalation is not None
    assert not story.incident.escalation.acknowledged_by


def test_a_retry_is_the_same_plan_once_more() -> None:
    """And if that fails, people are called again."""
    story = escalated()
    digest = story.incident.course.plan.digest if story.incident.course.plan else ""
    assert story.hears(said(Word.RETRY)) is Effect.RESERVE
    assert story.hears(RESERVED, MINTED) is Effect.RUN_PLAY
    plans = [note.body["digest"] for note in story.notes if note.kind == "plan.made"]
    assert plans == [digest, digest]
    assert story.hears(FAILED, GONE) is Effect.ESCALATE
    assert story.state is State.ESCALATED


def test_a_retry_that_helps_is_a_repair() -> None:
    """The incident's result is what came of it last."""
    story = escalated()
    story.hears(said(Word.RETRY), RESERVED, MINTED, RAN, GONE, RESOLVED)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)


def test_a_person_closes_what_they_have_dealt_with() -> None:
    """Although the alert still fires, and the channel never took the message."""
    story = started(ONCE)
    assert story.hears(FAILED, GONE) is Effect.ESCALATE
    story.hears(heard.NotDelivered("gone"), said(Word.CLOSE))
    assert (story.state, story.incident.result) == (State.CLOSED, Result.FAILED)


def test_a_verdict_is_recorded_with_the_closing() -> None:
    """What it was stands beside who said so and why."""
    story = escalated()
    story.hears(Ordered(Word.CLOSE, "ada", "the probe was wrong", verdict=Closing.FALSE_ALARM))
    (given,) = [note.body for note in story.notes if note.kind == "order.given"]
    assert given == {"word": "close", "by": "ada", "verdict": "false-alarm", "why": "the probe was wrong"}


def test_what_waits_is_cancelled_without_anything_being_opened() -> None:
    """The order comes while the limits are asked; whatever they say, it ends."""
    for answer in (RESERVED, heard.Blocked("cooldown", HOUR), heard.OverLimit("too often")):
        story = Story()
        assert story.hears(FIRING) is Effect.RESERVE
        decision = story.hears_at_once(answer, said(Word.CANCEL))
        if story.state is State.CLOSED:
            assert (decision, story.incident.result) == (None, Result.CANCELLED)
        else:  # it was escalated in the same moment, and people were to be told
            assert decision is Effect.ESCALATE


@pytest.mark.parametrize("played", [RAN, FAILED, STOPPED, heard.PlayEnded(PlayOutcome.UNKNOWN, "killed")])
def test_a_cancelled_play_leaves_no_grant_and_calls_nobody(played: heard.PlayEnded) -> None:
    """However it ended: its grant is proven gone first, and that takes as long as it takes."""
    story = started()
    assert story.hears_at_once(played, said(Word.CANCEL)) is Effect.CLOSE_GRANT
    assert story.hears(heard.GrantNotProvenGone("Vault is sealed")) is None
    assert story.hears(after=SECOND) is Effect.CLOSE_GRANT
    story.hears(GONE)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.CANCELLED)
    assert "escalation.begun" not in story.kinds


def test_a_grant_that_was_minted_meanwhile_is_closed_unused() -> None:
    """The play does not begin."""
    story = Story()
    assert story.hears(FIRING, RESERVED) is Effect.OPEN_GRANT
    assert story.hears_at_once(MINTED, said(Word.CANCEL)) is Effect.CLOSE_GRANT
    story.hears(GONE)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.CANCELLED)
    assert "play.intent" not in story.kinds


@pytest.mark.parametrize("word", Word)
def test_what_comes_too_late_is_recorded_and_changes_nothing(word: Word) -> None:
    """An incident that is closed stays so."""
    story = Story()
    story.hears(FIRING, RESERVED, MINTED, RAN, GONE, RESOLVED)
    before = story.incident
    story.hears(said(word))
    assert (story.incident, story.notes[-1].kind) == (before, "order.refused")
    assert "is closed already: repaired" in str(story.notes[-1].body["why"])


def test_refusals_say_what_to_do_instead() -> None:
    """Before the order is given."""
    running, stuck = started().incident, escalated().incident
    assert "cancel it first" in refusal(running, Ordered(Word.CLOSE, "ada", "because"))
    assert "it tries by itself" in refusal(running, Ordered(Word.RETRY, "ada", "because"))
    assert "nobody has been called" in refusal(running, Ordered(Word.ACKNOWLEDGE, "ada", "because"))
    assert "close it, or retry it" in refusal(stuck, Ordered(Word.CANCEL, "ada", "because"))
    refused = Story(make_course(refusal="unknown-host: web9"))
    refused.hears(FIRING, TOLD)
    assert "has no plan, because its alert was refused: unknown-host" in refusal(
        refused.incident, Ordered(Word.RETRY, "ada", "because")
    )
