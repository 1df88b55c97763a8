# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an incident whose alert has resolved, by what Prometheus says of its target."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NEVER_WAITS, SECOND, make_course
from tests.unit.domain.test_deciding_stories import FIRING, GONE, MINTED, RAN, RESERVED, RESOLVED, TOLD, Story

from breakglass.domain import messages as heard
from breakglass.domain.course import Probing
from breakglass.domain.incident import Effect, Result, State

PROBING = Probing("up", (("instance", "web1:9100"),))
GOOD = heard.Probed(heard.Finding.GOOD, "up for instance=web1:9100 is 1")
BAD = heard.Probed(heard.Finding.BAD, "up for instance=web1:9100 is 0")
VANISHED = heard.Probed(heard.Finding.GONE, "there is no up for instance=web1:9100 any more")
SILENT = heard.Probed(heard.Finding.UNKNOWN, "nobody can say whether the fault is gone")


def repaired(attempts: int = 1) -> Story:
    """The remediation ran, and its grant is gone."""
    story = Story(make_course(probing=PROBING, limits=replace(NEVER_WAITS, attempts=attempts)))
    story.hears(FIRING, RESERVED, MINTED, RAN, GONE)
    assert story.state is State.VERIFYING
    return story


def test_a_good_answer_is_proof() -> None:
    """Once the alert has resolved Prometheus is asked, and what it says is recorded as the proof."""
    story = repaired()
    assert story.hears(RESOLVED, after=MINUTE) is Effect.PROBE
    story.hears(GOOD)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.REPAIRED)
    (verified,) = (note for note in story.notes if note.kind == "verified")
    assert verified.body == {"by": "alert resolved, up for instance=web1:9100 is 1"}


@pytest.mark.parametrize("answer", [BAD, VANISHED, SILENT], ids=lambda one: one.finding.value)
def test_any_other_answer_is_asked_for_again(answer: heard.Probed) -> None:
    """It is asked again after a pause, recorded once for each answer, and a good one in time is proof."""
    story = repaired()
    story.hears(RESOLVED, answer)
    assert (story.state, story.incident.effect) == (State.VERIFYING, None)
    assert story.hears(after=16 * SECOND) is Effect.PROBE
    story.hears(answer)
    assert story.kinds.count("not_verified") == 1
    assert story.hears(after=16 * SECOND) is Effect.PROBE
    story.hears(GOOD)
    assert story.incident.result is Result.REPAIRED


def test_a_fault_that_is_still_seen_is_repaired_again() -> None:
    """When the time of the verification is over and the fault is still seen there is another attempt, then people."""
    story = repaired(attempts=2)
    story.hears(RESOLVED, after=10 * MINUTE)
    assert story.incident.effect is Effect.PROBE
    story.hears(BAD)
    assert story.state in (State.WAITING, State.CLOSED)
    story = repaired()
    story.hears(RESOLVED, BAD, after=10 * MINUTE)
    assert (story.state, story.incident.result, story.incident.effect) == (
        State.ESCALATED,
        Result.FAILED,
        Effect.ESCALATE,
    )


@pytest.mark.parametrize("answer", [VANISHED, SILENT], ids=lambda one: one.finding.value)
def test_what_has_vanished_is_not_repaired(answer: heard.Probed) -> None:
    """An alert that resolved because its target is gone is told to people, whatever attempts are left."""
    story = repaired(attempts=2)
    story.hears(RESOLVED, answer, after=10 * MINUTE)
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.UNKNOWN)
    assert story.incident.escalation is not None
    assert story.incident.escalation.reason == f"the alert resolved, but {answer.sentence}"
    story.hears(TOLD)
    assert story.state is State.CLOSED


def test_an_alert_that_fires_again_meanwhile_counts() -> None:
    """While Prometheus is asked the alert fires again: a good answer is no proof any more, and is asked for anew later."""
    story = repaired()
    story.hears(RESOLVED)
    later = heard.AlertArrived(replace(FIRING.alert, starts_at=FIRING.alert.starts_at + MINUTE))
    story.hears_at_once(GOOD, later)
    assert (story.state, story.incident.proof, story.incident.effect) == (State.VERIFYING, "", None)
    gone = heard.AlertArrived(replace(RESOLVED.alert, starts_at=later.alert.starts_at))
    assert story.hears(gone) is Effect.PROBE


def test_without_prometheus_the_alert_alone_counts() -> None:
    """Where nobody can be asked, the alert's resolution is the proof, as the record says."""
    story = Story(make_course())
    story.hears(FIRING, RESERVED, MINTED, RAN, GONE, RESOLVED)
    assert story.state is State.CLOSED
    assert [note.body for note in story.notes if note.kind == "verified"] == [{"by": "alert resolved"}]
