# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident does next by itself, state by state.

Each step returns True when it changed something, so that there may be more to do at once. A step that waits sets
`wake_at`; a step that needs the outside world begins an effect.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain import asking, voting
from breakglass.domain.climbing import next_rung_at, tell_people
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.messages import PlayEnded
from breakglass.domain.outcomes import end_of_automation, end_play
from breakglass.domain.previewing import ask_meanwhile, begin_preview
from breakglass.domain.standing_aside import stand_aside, take_up_again, window_over
from breakglass.domain.verifying import end_before_a_play, refuse, verify

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
    moments = [incident.wake_at, next_rung_at(incident)]
    if incident.escalation and incident.escalation.rung not in incident.escalation.delivered:
        moments.append(incident.escalation.try_at)
    return min((moment for moment in moments if moment is not None), default=now + LOOK_AGAIN)


def _received(draft: Draft) -> bool:
    course = draft.incident.course
    if draft.incident.resolved:
        end_before_a_play(draft)
    elif course.plan is None:
        refuse(draft)
    else:
        draft.move(State.WAITING)
    return True


def _waiting(draft: Draft) -> bool:
    if draft.incident.over:
        end_before_a_play(draft)
        return True
    if window := window_over(draft):
        return stand_aside(draft, window)
    take_up_again(draft)
    young = _young_until(draft)
    if young > draft.now:
        draft.block(f"the alert must fire for {draft.incident.course.limits.firing_for.total_seconds():.0f} s first")
        draft.wake(young)
        return False
    if draft.incident.retries and draft.pausing:  # without a retry it was youth that we waited for, and that is over
        return False
    draft.begin(Effect.RESERVE)
    return True


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
    elif draft.incident.over:
        end_before_a_play(draft)
        return True
    elif window := window_over(draft):
        return stand_aside(draft, window)
    elif begin_preview(draft):
        return True
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
    return False if draft.pausing else asking.ask(draft, quorum)


def _opening(draft: Draft) -> bool:
    if draft.incident.over and not draft.incident.attempt.accessor:
        end_before_a_play(draft)
        return True
    if window := window_over(draft):
        stand_aside(draft, window)
        return True
    if draft.pausing:
        return False
    draft.note("grant.intent", {"access": draft.incident.at_hand.access if draft.incident.at_hand else ""})
    draft.begin(Effect.OPEN_GRANT)
    return True


def _running(draft: Draft) -> bool:
    if draft.incident.course.lends and draft.incident.resolved:
        end_play(draft, PlayEnded(PlayOutcome.OK, "withdrawn before it was lent"))
        return True
    if draft.pausing:
        return False
    draft.note("play.intent", {"attempt": draft.incident.attempt.number})
    draft.begin(Effect.RUN_PLAY)
    return True


def _closing(draft: Draft) -> bool:
    overdue = draft.now - draft.incident.since >= CLOSING_PATIENCE
    if overdue and draft.incident.escalation is None:
        draft.call_people(None, draft.incident.blocked or "a grant can't be proven gone")
    if tell_people(draft):
        return True
    if draft.pausing:
        return False
    if window_over(draft) is None and ask_meanwhile(draft):
        return True
    draft.begin(Effect.CLOSE_GRANT)
    return True


def _escalated(draft: Draft) -> bool:
    escalation = draft.incident.escalation
    if draft.incident.resolved and escalation and escalation.delivered:
        draft.conclude(draft.incident.result or Result.FAILED)
        return True
    return tell_people(draft)


def _closed(_draft: Draft) -> bool:
    return False


_STEPS: dict[State, Callable[[Draft], bool]] = {
    State.RECEIVED: _received,
    State.WAITING: _waiting,
    State.APPROVING: _approving,
    State.OPENING: _opening,
    State.RUNNING: _running,
    State.CLOSING: _closing,
    State.VERIFYING: verify,
    State.ESCALATED: _escalated,
    State.CLOSED: _closed,
}
