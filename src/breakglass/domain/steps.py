# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident does next by itself, state by state.

Each step returns True when it changed something, so that there may be more to do at once. A step that waits sets
`wake_at`; a step that needs the outside world begins an effect.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain import asking, voting
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.messages import PlayEnded
from breakglass.domain.outcomes import end_of_automation, end_play, next_attempt
from breakglass.domain.standing_aside import end_in_window, stand_aside, take_up_again, window_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from breakglass.domain.approvals import Quorum
    from breakglass.domain.draft import Draft

CLOSING_PATIENCE = timedelta(minutes=1)
LOOK_AGAIN = timedelta(minutes=5)


def step(draft: Draft) -> bool:
    """Go one step; False when there is nothing more to do now."""
    if draft.incident.cancelled_by and _is_stopped(draft):
        return True
    return _STEPS[draft.incident.state](draft)


def _is_stopped(draft: Draft) -> bool:
    """End what a person has cancelled: at once where no grant is open, else by closing it as after a play."""
    state = draft.incident.state
    if state in (State.RECEIVED, State.WAITING, State.APPROVING, State.VERIFYING):
        draft.conclude(Result.CANCELLED)
        return True
    if state is State.OPENING and not draft.incident.open_grant:
        draft.conclude(Result.CANCELLED)
        return True
    if state is State.RUNNING:
        end_play(draft, PlayEnded(PlayOutcome.NOT_STARTED, f"cancelled by {draft.incident.cancelled_by}"))
        return True
    return False


def look_again_at(incident: Incident, now: datetime) -> datetime | None:
    """When to decide again even if nothing happens: the earliest of what the incident and its escalation wait for."""
    if incident.effect is not None or incident.state is State.CLOSED:
        return None
    moments = [incident.wake_at, _next_rung_at(incident)]
    if incident.escalation and incident.escalation.rung not in incident.escalation.delivered:
        moments.append(incident.escalation.try_at)
    return min((moment for moment in moments if moment is not None), default=now + LOOK_AGAIN)


def _received(draft: Draft) -> bool:
    course = draft.incident.course
    if draft.incident.resolved:
        _end_before_a_play(draft)
    elif course.plan is None:
        draft.note("alert.refused", {"why": course.refusal})
        end_of_automation(draft, Result.REFUSED, course.refusal)
    else:
        draft.move(State.WAITING)
    return True


def _waiting(draft: Draft) -> bool:
    if draft.incident.resolved:
        _end_before_a_play(draft)
        return True
    if window := window_over(draft):
        return stand_aside(draft, window)
    take_up_again(draft)
    young = _young_until(draft)
    if young > draft.now:
        draft.block(f"the alert must fire for {draft.incident.course.limits.firing_for.total_seconds():.0f} s first")
        draft.wake(young)
        return False
    if draft.incident.retries and _pausing(draft):  # without a retry it was youth that we waited for, and that is over
        return False
    draft.begin(Effect.RESERVE)
    return True


def _end_before_a_play(draft: Draft) -> None:
    """What it means that the alert resolved now: an earlier attempt may have repaired it after all.

    Where a repair hung until the end of its box, the alert may be gone because its host is: a host that hangs tells nothing.
    """
    outcomes = [attempt.outcome for attempt in draft.incident.attempts]
    window = window_over(draft)
    if window and not any(outcomes):
        end_in_window(draft, window)
    elif PlayOutcome.OK in outcomes:
        draft.conclude(Result.REPAIRED)
    elif PlayOutcome.TIMED_OUT in outcomes:
        end_of_automation(
            draft, Result.UNKNOWN, "the alert resolved, but the repair had hung on the host, which may be gone"
        )
    else:
        draft.conclude(Result.RESOLVED_BY_ITSELF)


def _young_until(draft: Draft) -> datetime:
    """When the oldest firing alert is old enough; a sender's clock that is ahead can't delay it for longer.

    What fired in a maintenance window is as old as the end of the window: what people did there may settle yet.
    """
    firing = [fault.starts_at for fault in draft.incident.faults if fault.firing]
    started = min([draft.incident.opened_at, *firing])
    if draft.incident.aside_until is not None:
        started = max(started, draft.incident.aside_until)
    return started + draft.incident.course.limits.firing_for


def _approving(draft: Draft) -> bool:
    course, plan = draft.incident.course, draft.incident.course.plan
    if plan is None:
        return False
    if course.overridden is not None and course.asked_by is not None:
        body = {"by": course.asked_by.person or course.asked_by.name, "why": course.asked_by.reason}
        skipped = sorted(course.overridden.skipped.groups)
        draft.note(
            "override.used", {**body, "policy_line": course.approval_line, "digest": plan.digest, "skipped": skipped}
        )
    elif course.quorum is None:
        draft.note(
            "approval.given", {"by": course.approval, "policy_line": course.approval_line, "digest": plan.digest}
        )
    elif draft.incident.resolved:
        _end_before_a_play(draft)
        return True
    elif window := window_over(draft):
        return stand_aside(draft, window)
    elif not voting.is_decided(draft.incident, course.quorum):
        return _still_asking(draft, course.quorum)
    draft.move(State.OPENING)
    draft.new_attempt()
    return True


def _still_asking(draft: Draft, quorum: Quorum) -> bool:
    if voting.ends_at(draft.incident, quorum) <= draft.now:
        left = voting.missing(draft.incident, quorum)
        within = quorum.within.total_seconds()
        end_of_automation(draft, Result.REFUSED, f"nobody approved within {within:.0f} s: it still needs {left}")
        return True
    return False if _pausing(draft) else asking.ask(draft, quorum)


def _opening(draft: Draft) -> bool:
    if draft.incident.resolved and not draft.incident.attempt.accessor:
        _end_before_a_play(draft)
        return True
    if window := window_over(draft):
        stand_aside(draft, window)
        return True
    if _pausing(draft):
        return False
    draft.note("grant.intent", {"access": draft.incident.course.plan.access if draft.incident.course.plan else ""})
    draft.begin(Effect.OPEN_GRANT)
    return True


def _running(draft: Draft) -> bool:
    if draft.incident.course.lends and draft.incident.resolved:
        end_play(draft, PlayEnded(PlayOutcome.OK, "withdrawn before it was lent"))
        return True
    if _pausing(draft):
        return False
    draft.note("play.intent", {"attempt": draft.incident.attempt.number})
    draft.begin(Effect.RUN_PLAY)
    return True


def _closing(draft: Draft) -> bool:
    overdue = draft.now - draft.incident.since >= CLOSING_PATIENCE
    if overdue and draft.incident.escalation is None:
        draft.call_people(None, draft.incident.blocked or "a grant can't be proven gone")
    if _tell_people(draft):
        return True
    if _pausing(draft):
        return False
    draft.begin(Effect.CLOSE_GRANT)
    return True


def _verifying(draft: Draft) -> bool:
    if draft.incident.course.lends:
        draft.conclude(Result.RETURNED if draft.incident.attempt.outcome is PlayOutcome.OK else Result.FAILED)
        return True
    if draft.incident.course.drill and _is_rehearsed(draft):
        return True
    if draft.incident.escalation is not None:  # the repair left its hosts held; before all else people must know
        if _tell_people(draft):
            return True
        if not draft.incident.escalation.delivered:
            return False
    if draft.incident.resolved:
        if draft.incident.course.drill:
            draft.conclude(draft.incident.result or Result.REHEARSED)
            return True
        return _is_proven(draft)
    draft.incident = replace(draft.incident, proof="")  # it fires again, so what was seen before counts no more
    deadline = draft.incident.since + draft.incident.course.alert_resolves_within
    if deadline <= draft.now:
        within = draft.incident.course.alert_resolves_within.total_seconds()
        next_attempt(draft, f"the repair ran, but the alert did not resolve within {within:.0f} s", Result.FAILED)
        return True
    draft.wake(deadline)
    return False


def _is_proven(draft: Draft) -> bool:
    """The alert has resolved: close, if Prometheus says that its target is still there, and that the fault is gone."""
    proof = draft.incident.proof
    if draft.incident.course.probing is None or proof:
        draft.note("verified", {"by": f"alert resolved, {proof}" if proof else "alert resolved"})
        draft.conclude(Result.REPAIRED)
        return True
    if draft.incident.retries and _pausing(draft):  # without a try it was the alert that we waited for
        return False
    draft.begin(Effect.PROBE)
    return True


def _is_rehearsed(draft: Draft) -> bool:
    """A drill's alert has resolved: its end is to tell everybody, since whether they can be told belongs to it."""
    if not draft.incident.resolved or draft.incident.escalation is not None:
        return False
    draft.note("verified", {"by": "alert resolved"})
    draft.call_people(None, "the drill has come through")
    return True


def _escalated(draft: Draft) -> bool:
    escalation = draft.incident.escalation
    if draft.incident.resolved and escalation and escalation.delivered:
        draft.conclude(draft.incident.result or Result.FAILED)
        return True
    return _tell_people(draft)


def _closed(_draft: Draft) -> bool:
    return False


def _tell_people(draft: Draft) -> bool:
    """Begin the delivery that is due, if one is; a rung that took the message waits for its acknowledgement."""
    escalation = draft.incident.escalation
    if escalation is None:
        return False
    due = _next_rung_at(draft.incident)
    if due is not None and due <= draft.now:
        climbed = replace(escalation, rung=escalation.rung + 1, rung_since=draft.now, failures=0, try_at=None)
        draft.incident = replace(draft.incident, escalation=climbed)
    elif escalation.rung in escalation.delivered or (escalation.try_at is not None and escalation.try_at > draft.now):
        return False
    draft.begin(Effect.ESCALATE)
    return True


def _next_rung_at(incident: Incident) -> datetime | None:
    escalation = incident.escalation
    rungs = incident.course.ladder.rungs
    if escalation is None or escalation.acknowledged_by or escalation.rung + 1 >= len(rungs):
        return None
    within = rungs[escalation.rung].acknowledge_within
    return None if within is None else escalation.rung_since + within


def _pausing(draft: Draft) -> bool:
    return draft.incident.wake_at is not None and draft.incident.wake_at > draft.now


_STEPS: dict[State, Callable[[Draft], bool]] = {
    State.RECEIVED: _received,
    State.WAITING: _waiting,
    State.APPROVING: _approving,
    State.OPENING: _opening,
    State.RUNNING: _running,
    State.CLOSING: _closing,
    State.VERIFYING: _verifying,
    State.ESCALATED: _escalated,
    State.CLOSED: _closed,
}
