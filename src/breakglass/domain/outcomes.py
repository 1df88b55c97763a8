# SPDX-License-Identifier: GPL-3.0-or-later
"""What the outcome of an effect means for its incident: one small function for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain import asking
from breakglass.domain import messages as heard
from breakglass.domain.holds import change_after
from breakglass.domain.incident import Effect, PlayOutcome, Result, State
from breakglass.domain.previewing import give_up_preview, may_wait, preview_is_over, take_preview
from breakglass.domain.rules import Mode

if TYPE_CHECKING:
    from breakglass.domain.draft import Draft

OPENING_PATIENCE = timedelta(minutes=2)
WAITING_PATIENCE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(seconds=60)
LONGEST_POLL = timedelta(seconds=15)  # between two looks at whether a host is free


def absorb_outcome(draft: Draft, outcome: heard.Outcome) -> None:
    """Take in what became of the incident's effect."""
    effect = draft.incident.effect
    if effect is None:
        return
    draft.end_effect()
    match outcome:
        case heard.Interrupted():
            _interrupted(draft, effect)
        case heard.NotStarted():
            _not_started(draft, effect, outcome)
        case heard.Reserved(checks=checks):
            _reserved(draft, checks)
        case heard.Blocked(why=why, again_in=again_in):
            _blocked(draft, why, again_in)
        case heard.Held(why=why):
            _held(draft, why)
        case heard.OverLimit() | heard.GaveWay():
            _refused(draft, outcome)
        case heard.GrantMinted() | heard.GrantLeftToJob():
            _minted(draft, outcome)
        case heard.GrantNotMinted():
            _not_minted(draft, outcome)
        case heard.PlayEnded():
            end_play(draft, outcome)
        case heard.GrantProvenGone():
            _proven_gone(draft, outcome)
        case heard.GrantNotProvenGone(why=why):
            _not_proven_gone(draft, why)
        case heard.Delivered() | heard.NotDelivered() | heard.Asked() | heard.NotAsked():
            _told(draft, outcome)
        case heard.Probed():
            _probed(draft, outcome)


def next_attempt(draft: Draft, why: str, result: Result) -> None:
    """Try again if the limits of the trigger leave an attempt, else call people.

    An attempt that ended only because the runner stopped does not count: a restart must not use the attempts up. Nor does
    one that never came to a grant, because a maintenance window opened or the alert resolved.
    """
    uncounted = (None, PlayOutcome.STOPPED)
    counted = [attempt for attempt in draft.incident.repairs if attempt.outcome not in uncounted]
    left = draft.incident.course.limits.attempts - len(counted)
    if left > 0 and draft.incident.state in (State.CLOSING, State.VERIFYING):
        draft.note("attempt.again", {"why": why, "attempts_left": left})
        draft.move(State.WAITING)
        draft.incident = replace(draft.incident, escalation=None)  # of a hold; those who were told know
    else:
        end_of_automation(draft, result, why)


def backoff(retries: int) -> timedelta:
    """1, 2, 4 … seconds, at most a minute."""
    return min(timedelta(seconds=2 ** min(retries, 6)), LONGEST_PAUSE)


def end_of_automation(draft: Draft, result: Result, why: str) -> None:
    """Nothing more will run: call people, or in `observe` mode note that it would have been so."""
    if draft.incident.cancelled_by:
        draft.conclude(Result.CANCELLED)
    elif draft.incident.course.mode is Mode.OBSERVE:
        draft.note("observed", {"would_not_have_run": why})
        draft.conclude(Result.OBSERVED)
        draft.incident = replace(draft.incident, blocked=why)  # what tells it from one that would have run
    elif draft.incident.course.lends:
        draft.note("request.refused", {"why": why})
        draft.conclude(result)
        draft.incident = replace(draft.incident, blocked=why)  # what who asked is told
    else:
        draft.call_people(result, why)


def _interrupted(draft: Draft, effect: Effect) -> None:
    draft.note("effect.interrupted", {"effect": effect.value})
    if effect is Effect.RUN_PLAY:
        under = "the grant was lent" if draft.incident.course.lends else "the play ran"
        end_play(draft, heard.PlayEnded(PlayOutcome.UNKNOWN, f"the runner died while {under}; nobody saw its end"))


def _not_started(draft: Draft, effect: Effect, postponed: heard.NotStarted) -> None:
    why = postponed.why
    if why != draft.incident.blocked:
        draft.note("effect.postponed", {"effect": effect.value, "why": why})
    if effect is Effect.RUN_PLAY:  # its grant is there already, and must not wait for a better day
        end_play(draft, heard.PlayEnded(PlayOutcome.NOT_STARTED, why))
    elif effect is Effect.ESCALATE:
        _not_delivered(draft, why)
    elif effect is Effect.ASK:
        asking.asked(draft, heard.NotAsked(why), backoff(draft.incident.retries))
    elif effect is Effect.OPEN_GRANT and draft.incident.previews and postponed.may_last and not may_wait(draft):
        give_up_preview(draft, why)
    elif _waited_in_vain(draft, effect, postponed):
        end_of_automation(draft, Result.FAILED, why)
    else:
        draft.incident = replace(draft.incident, blocked=why)
        draft.retry_in(timedelta(seconds=5))


def _waited_in_vain(draft: Draft, effect: Effect, postponed: heard.NotStarted) -> bool:
    """A grant is closed however long that takes; everything else has an end of patience."""
    patient = draft.now - draft.incident.since < OPENING_PATIENCE
    return postponed.may_last and effect is not Effect.CLOSE_GRANT and not patient


def _reserved(draft: Draft, checks: tuple[str, ...]) -> None:
    draft.note("limits.passed", {"checks": list(checks)})
    course = draft.incident.course
    if course.mode is Mode.OBSERVE and course.plan is not None:
        draft.note("observed", {"would_have_run": course.plan.remediation, "hosts": list(course.hosts)})
        draft.conclude(Result.OBSERVED)
    else:
        if course.plan is not None:
            draft.note("plan.made", {"digest": course.plan.digest, **course.plan.to_json()})
        draft.move(State.APPROVING)
        draft.incident = replace(draft.incident, votes=(), asked=0, previewed=None)  # a yes is for one attempt


def _blocked(draft: Draft, why: str, again_in: timedelta) -> None:
    patience = WAITING_PATIENCE + draft.incident.course.limits.firing_for
    if draft.now - draft.incident.since >= patience:
        end_of_automation(draft, Result.REFUSED, f"waited for an hour and may still not start: {why}")
        return
    draft.block(why)
    draft.retry_in(max(min(again_in, LONGEST_PAUSE), min(backoff(draft.incident.retries), LONGEST_POLL)))


def _refused(draft: Draft, refusal: heard.OverLimit | heard.GaveWay) -> None:
    draft.note("limits.refused", {"why": refusal.why})
    if isinstance(refusal, heard.GaveWay):
        draft.conclude(Result.CANCELLED)
    else:
        end_of_automation(draft, Result.REFUSED, refusal.why)


def _held(draft: Draft, why: str) -> None:
    draft.block(why)
    draft.incident = replace(draft.incident, since=draft.now)  # patience with other limits begins when the hold is over
    draft.retry_in(backoff(draft.incident.retries))  # whoever lifts the hold has it look again at once


def _minted(draft: Draft, minted: heard.GrantMinted | heard.GrantLeftToJob) -> None:
    if isinstance(minted, heard.GrantLeftToJob):
        _left_to_job(draft)
        return
    opened = replace(draft.incident.attempt, accessor=minted.accessor, expires_at=minted.expires_at)
    draft.change_attempt(replace(opened, runner=minted.runner))
    draft.note("grant.minted", {"accessor": minted.accessor, "expires_at": minted.expires_at.isoformat()})
    draft.move(State.RUNNING)


def _left_to_job(draft: Draft) -> None:
    draft.change_attempt(replace(draft.incident.attempt, by_job=True))
    draft.note("grant.left_to_job", {"attempt": draft.incident.attempt.number})
    draft.move(State.RUNNING)


def _not_minted(draft: Draft, refusal: heard.GrantNotMinted) -> None:
    draft.note("grant.not_minted", {"why": refusal.why})
    if draft.incident.previews and not (refusal.retryable and may_wait(draft)):
        give_up_preview(draft, f"no grant could be opened for it: {refusal.why}")
    elif refusal.retryable and draft.now - draft.incident.since < OPENING_PATIENCE:
        draft.block(refusal.why)
        draft.retry_in(backoff(draft.incident.retries))
    else:
        end_of_automation(draft, Result.FAILED, f"no grant could be opened: {refusal.why}")


def end_play(draft: Draft, ended: heard.PlayEnded) -> None:
    """Whatever became of the play, its grant is to be closed now."""
    attempt = replace(draft.incident.attempt, outcome=ended.outcome, sentence=ended.sentence, evidence=ended.evidence)
    if attempt.by_job:
        attempt = replace(attempt, accessor=ended.accessor, expires_at=ended.over_by)
    draft.change_attempt(attempt)
    draft.note("play.ended", {"outcome": ended.outcome.value, "why": ended.sentence})
    if attempt.preview:
        take_preview(draft, ended)
    else:
        draft.hold = change_after(draft.incident.course, ended.outcome)
    draft.move(State.CLOSING)


def _proven_gone(draft: Draft, proof: heard.GrantProvenGone) -> None:
    attempt = replace(draft.incident.attempt, proven_at=proof.at)
    draft.change_attempt(attempt)
    draft.incident = replace(draft.incident, escalation=None)  # people may have been called because of this grant
    draft.note("grant.revoked", {"accessor": attempt.accessor, "proven": True, "remains": proof.remains})
    match attempt.outcome:
        case _ if draft.incident.cancelled_by:
            draft.conclude(Result.CANCELLED)
        case _ if attempt.preview:
            preview_is_over(draft)
        case _ if draft.incident.course.lends:
            draft.move(State.VERIFYING)
        case PlayOutcome.OK:
            draft.move(State.VERIFYING)
            _tell_of_hold(draft)
        case PlayOutcome.FAILED | PlayOutcome.TIMED_OUT | PlayOutcome.NOT_STARTED:
            next_attempt(draft, attempt.sentence, Result.FAILED)
        case _ if draft.incident.course.idempotent:
            next_attempt(draft, attempt.sentence, Result.UNKNOWN)
        case _:
            end_of_automation(draft, Result.UNKNOWN, f"{attempt.sentence}; the remediation may not be repeated")


def _tell_of_hold(draft: Draft) -> None:
    course = draft.incident.course
    ran = [attempt for attempt in draft.incident.repairs if attempt.outcome is PlayOutcome.OK]
    if course.holds_host and len(ran) == 1 and not course.drill:  # a further attempt is no news
        hosts, role = ", ".join(course.hosts), course.plan.remediation.rpartition(".")[2] if course.plan else ""
        draft.call_people(None, f"{role} ran on {hosts}: nothing else starts there until the hold is lifted")


def _not_proven_gone(draft: Draft, why: str) -> None:
    draft.note("grant.not_proven_gone", {"accessor": draft.incident.attempt.accessor, "why": why})
    draft.block(f"the grant is not proven gone: {why}")
    draft.retry_in(backoff(draft.incident.retries))


def _probed(draft: Draft, probed: heard.Probed) -> None:
    """A good answer is proof; any other is asked for again until the time of the verification is over."""
    if probed.finding is heard.Finding.GOOD:
        draft.incident = replace(draft.incident, proof=probed.sentence)
        return
    if probed.sentence != draft.incident.blocked:
        draft.note("not_verified", {"why": probed.sentence})
    draft.incident = replace(draft.incident, blocked=probed.sentence)
    if draft.now < draft.incident.since + draft.incident.course.alert_resolves_within:
        draft.retry_in(min(backoff(draft.incident.retries), LONGEST_POLL))
    elif not draft.incident.has_repaired:  # what resolved by itself is not repaired without an alert, whatever is seen
        end_of_automation(draft, Result.UNKNOWN, f"the alert resolved before a repair, but {probed.sentence}")
    elif probed.finding is heard.Finding.BAD:
        draft.incident = replace(draft.incident, still_seen=probed.sentence)
        next_attempt(draft, f"the alert resolved, but {probed.sentence}", Result.FAILED)
    else:  # another repair would help nobody: what would be repaired is gone, or nobody can look
        end_of_automation(draft, Result.UNKNOWN, f"the alert resolved, but {probed.sentence}")


def _told(draft: Draft, answer: heard.Delivered | heard.NotDelivered | heard.Asked | heard.NotAsked) -> None:
    if isinstance(answer, heard.Delivered):
        _delivered(draft, answer)
    elif isinstance(answer, heard.NotDelivered):
        _not_delivered(draft, answer.why)
    else:
        asking.asked(draft, answer, backoff(draft.incident.retries))


def _delivered(draft: Draft, delivered: heard.Delivered) -> None:
    escalation = draft.incident.escalation
    if escalation is None:
        return
    told = replace(escalation, delivered=(*escalation.delivered, escalation.rung), failures=0)
    draft.incident = replace(draft.incident, escalation=told)
    body = {"channels": list(delivered.channels), "rung": escalation.rung + 1, "failed": list(delivered.failed)}
    draft.note("escalation.delivered", body)
    if draft.incident.course.drill and delivered.failed and draft.incident.state is State.VERIFYING:
        draft.call_people(Result.FAILED, f"not every channel took the message: {'; '.join(delivered.failed)}")


def _not_delivered(draft: Draft, why: str) -> None:
    escalation = draft.incident.escalation
    if escalation is None:
        return
    again = replace(escalation, failures=escalation.failures + 1, try_at=draft.now + backoff(escalation.failures))
    draft.incident = replace(draft.incident, escalation=again)
    if draft.incident.course.drill:
        draft.incident = replace(draft.incident, result=Result.FAILED)  # also when the next try is heard
    draft.note("escalation.not_delivered", {"why": why, "rung": escalation.rung + 1})
