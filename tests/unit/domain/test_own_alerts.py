# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of our own: whom they reach, and the life of their incidents."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import DAY, HOUR, MINUTE, NOW, SECOND, make_ladder
from tests.unit.domain.test_deciding_stories import NOT_TOLD, TOLD, Story

from breakglass.domain.alert import OURS, OWN, AlertStatus
from breakglass.domain.holds import Hold, Scope, in_the_way
from breakglass.domain.incident import Effect, Result, State
from breakglass.domain.messages import AlertArrived
from breakglass.domain.orders import Ordered, Word, refusal
from breakglass.domain.own_alerts import OwnAlert, OwnName, alert_of, course_of, ladder_of
from breakglass.domain.rules import Policy

if TYPE_CHECKING:
    from breakglass.domain.course import Course

WRONG_TOKEN = OwnAlert(OwnName.SENDER_REFUSED, "alertmanager", "its token is wrong: give it the right one")
FIRING = AlertArrived(alert_of(WRONG_TOKEN, AlertStatus.FIRING, NOW))
OVER = AlertArrived(alert_of(WRONG_TOKEN, AlertStatus.RESOLVED, NOW + MINUTE))
POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder(5 * MINUTE, None)}, escalation="on-call")
WITHOUT = replace(POLICY, escalation="")
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "own-alerts.md"


def course(policy: Policy = POLICY) -> Course:
    return course_of(WRONG_TOKEN, policy, ["chat", "pager"])


def test_people_are_told_at_once() -> None:
    """Nothing is matched, reserved, opened or run; the sentence is why, and the ladder is that of the defaults."""
    story = Story(course())
    assert story.hears(FIRING) is Effect.ESCALATE
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.REFUSED)
    assert story.incident.escalation is not None
    assert story.incident.escalation.reason == WRONG_TOKEN.sentence
    assert story.kinds == ["incident.opened", "alert.firing", "alert.refused", "escalation.begun"]
    opened = story.notes[0].body
    assert (opened["own"], opened["trigger"], opened["hosts"], opened["mode"]) == (True, "SenderRefused", [], "act")
    assert story.notes[-1].body["ladder"] == "on-call"


def test_it_is_tried_until_somebody_was_told() -> None:
    """Then the next rung is called, unless somebody acknowledges."""
    story = Story(course())
    story.hears(FIRING)
    assert story.hears(NOT_TOLD) is None
    assert story.hears(after=2 * SECOND) is Effect.ESCALATE
    assert story.hears(TOLD) is None
    assert story.hears(after=5 * MINUTE) is Effect.ESCALATE
    story.hears(TOLD, Ordered(Word.ACKNOWLEDGE, "ada", ""))
    assert story.hears(after=DAY) is None


def test_it_ends_when_it_is_over_and_people_know() -> None:
    """What was over before anybody could be told is told all the same."""
    story = Story(course())
    story.hears(FIRING, NOT_TOLD, OVER)
    assert story.state is State.ESCALATED
    story.hears(after=HOUR)
    story.hears(TOLD)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REFUSED)


def test_it_can_be_closed_and_not_retried() -> None:
    """By a person, like any other incident; there is nothing to try."""
    story = Story(course())
    story.hears(FIRING, TOLD)
    assert "has no plan" in refusal(story.incident, Ordered(Word.RETRY, "ada", "because"))
    story.hears(Ordered(Word.CLOSE, "ada", "the token is mended"))
    assert story.state is State.CLOSED


@pytest.mark.parametrize("scope", [Scope.TRIGGER, Scope.HOST])
def test_no_hold_of_a_name_covers_it(scope: Scope) -> None:
    """And one on everything is never asked: nothing of it starts."""
    story = Story(course())
    assert in_the_way(story.incident, [Hold(scope, "web-service-failed", "", "ada", "", NOW)]) is None
    assert Effect.RESERVE not in (story.hears(FIRING), story.hears(TOLD), story.hears(after=DAY))


def test_without_a_ladder_everybody_is_told() -> None:
    """Every channel of the settings, on one rung."""
    assert ladder_of(POLICY, ["chat"]) is POLICY.ladders["on-call"]
    (rung,) = course(WITHOUT).ladder.rungs
    assert (rung.notify, rung.acknowledge_within) == (("chat", "pager"), None)


def test_what_it_is_called() -> None:
    """By its name and what has the trouble; two that differ in either are two."""
    story = Story(course())
    story.hears(FIRING)
    assert story.incident.what == "SenderRefused (alertmanager)"
    whole = replace(WRONG_TOKEN, about="")
    story = Story(course_of(whole, POLICY, []))
    story.hears(AlertArrived(alert_of(whole, AlertStatus.FIRING, NOW)))
    assert story.incident.what == "SenderRefused"
    others = {replace(WRONG_TOKEN, name=name, about=about).fingerprint for name in OwnName for about in ("", "a", "b")}
    assert len(others) == 3 * len(OwnName)


def test_no_sender_can_forge_one() -> None:
    """Their source is a name that the settings refuse."""
    assert FIRING.alert.source == OWN
    assert OWN in OURS


def test_the_page_has_each_of_them() -> None:
    """Spelled as alert rules are; the reference says of each what to do, and of no other."""
    assert all(re.fullmatch(r"([A-Z][a-z]+){2,}", name.value) for name in OwnName)
    listed = re.findall(r"^## `(\w+)`$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [name.value for name in OwnName]
