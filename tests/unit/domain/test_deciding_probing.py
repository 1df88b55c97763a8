# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an incident whose alert has resolved, by what Prometheus says of its target."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NEVER_WAITS, SECOND, make_course
from tests.unit.domain.test_deciding_stories import FIRING, GONE, MINTED, RAN, RESERVED, RESOLVED, TOLD, Story

from breakglass.domain import messages as heard
from breakglass.domain.course import Probing
from breakglass.domain.incident import Effect, PlayOutcome, Result, State
from breakglass.domain.rules import Mode

PROBING = Probing("up", (("instance", "web1:9100"),))
GOOD = heard.Probed(heard.Finding.GOOD, "up for instance=web1:9100 is 1")
BAD = heard.Probed(heard.Finding.BAD, "up for instance=web1:9100 is 0")
VANISHED = heard.Probed(heard.Finding.GONE, "there is no up for instance=web1:9100 any more")
TAKEN = heard.Blocked("web1 is under repair (INC-OTHER1)", SECOND)
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
    assert story.hears(BAD) is Effect.RESERVE, "although the alert says that all is well"
    story.hears(RESERVED, MINTED, RAN, GONE)
    assert (story.state, story.incident.effect) == (State.VERIFYING, Effect.PROBE)
    story.hears(GOOD)
    assert (story.incident.result, len(story.incident.attempts)) == (Result.REPAIRED, 2)
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


def waiting(**more: object) -> Story:
    """Nothing was done yet: another incident is at work on the host."""
    story = Story(make_course(probing=PROBING, **more))  # type: ignore[arg-type]
    story.hears(FIRING, TAKEN)
    assert story.state is State.WAITING
    return story


def test_what_resolves_by_itself_is_asked_about_too() -> None:
    """Prometheus says that the target is still there, and what it said is recorded."""
    story = waiting()
    assert story.hears(RESOLVED) is Effect.PROBE
    assert story.state is State.VERIFYING
    story.hears(GOOD)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.RESOLVED_BY_ITSELF)
    assert [note.body for note in story.notes if note.kind == "verified"] == [
        {"by": "alert resolved, up for instance=web1:9100 is 1"}
    ]
    assert story.incident.attempts == ()


@pytest.mark.parametrize("answer", [BAD, VANISHED, SILENT], ids=lambda one: one.finding.value)
def test_an_alert_that_vanished_before_a_repair_is_told_to_people(answer: heard.Probed) -> None:
    """After the time of the verification, and nothing is repaired without an alert."""
    story = waiting()
    story.hears(RESOLVED, answer)
    assert (story.state, story.incident.effect) == (State.VERIFYING, None), "a host that comes up has a while for it"
    assert story.hears(after=10 * MINUTE) is Effect.PROBE
    story.hears(answer)
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.UNKNOWN)
    assert story.incident.escalation is not None
    assert story.incident.escalation.reason == f"the alert resolved before a repair, but {answer.sentence}"
    story.hears(TOLD)
    assert (story.state, story.incident.result) == (State.CLOSED, Result.UNKNOWN)


def test_what_fires_again_while_prometheus_is_asked_is_repaired() -> None:
    """At once, and with all of its attempts."""
    story = waiting(limits=replace(NEVER_WAITS, attempts=1))
    story.hears(RESOLVED)
    later = heard.AlertArrived(replace(FIRING.alert, starts_at=FIRING.alert.starts_at + MINUTE))
    assert story.hears_at_once(GOOD, later) is Effect.RESERVE
    story.hears(RESERVED, MINTED, RAN, GONE)
    assert story.state is State.VERIFYING


def test_what_resolves_before_it_was_looked_at_is_asked_about() -> None:
    """Both came in one message; one that is refused is told when it fires again."""
    story = Story(make_course(probing=PROBING))
    assert story.hears_at_once(FIRING, RESOLVED) is Effect.PROBE
    story.hears(GOOD)
    assert story.incident.result is Result.RESOLVED_BY_ITSELF
    story = Story(make_course(probing=PROBING, refusal="unknown-host: web9"))
    story.hears_at_once(FIRING, RESOLVED)
    later = heard.AlertArrived(replace(FIRING.alert, starts_at=FIRING.alert.starts_at + MINUTE))
    story.hears_at_once(GOOD, later)
    assert (story.state, story.incident.result) == (State.ESCALATED, Result.REFUSED)


def test_what_resolves_while_vault_gives_no_grant_is_asked_about() -> None:
    """The attempt that never came to a grant does not count when it fires again."""
    story = Story(make_course(probing=PROBING, limits=replace(NEVER_WAITS, attempts=1)))
    story.hears(FIRING, RESERVED, heard.GrantNotMinted("Vault is sealed", retryable=True))
    assert story.hears(RESOLVED) is Effect.PROBE
    story.hears(GOOD)
    assert story.incident.result is Result.RESOLVED_BY_ITSELF


def test_a_repair_that_hung_is_believed_when_prometheus_says_so() -> None:
    """Where nobody can be asked, the host may be gone, and people are told."""
    hung = heard.PlayEnded(PlayOutcome.TIMED_OUT, "the play was ended after its time box")
    for probing, result in ((PROBING, Result.RESOLVED_BY_ITSELF), (None, Result.UNKNOWN)):
        story = Story(make_course(probing=probing))
        story.hears(FIRING, RESERVED, MINTED, hung, GONE, TAKEN, RESOLVED)
        if probing:
            story.hears(GOOD)
        assert story.incident.result is result


def test_a_trigger_that_observes_asks_nobody() -> None:
    """Nobody would be told of the answer."""
    story = Story(make_course(probing=PROBING, mode=Mode.OBSERVE))
    story.hears(FIRING, TAKEN, RESOLVED)
    assert story.incident.result is Result.RESOLVED_BY_ITSELF
