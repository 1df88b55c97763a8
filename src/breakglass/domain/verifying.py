# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a fault is gone: after a repair, and when its alert resolved before there was one.

An alert also resolves because its target has vanished, or because nobody measures any more. Where Prometheus can be asked
it is asked, and what it can't confirm is told to people.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from breakglass.domain.climbing import tell_people
from breakglass.domain.incident import Effect, PlayOutcome, Result, State
from breakglass.domain.outcomes import end_of_automation, next_attempt
from breakglass.domain.rules import Mode
from breakglass.domain.standing_aside import end_in_window, window_over

if TYPE_CHECKING:
    from breakglass.domain.draft import Draft


def end_before_a_play(draft: Draft) -> None:
    """What it means that the alert resolved now: an earlier attempt may have repaired it after all.

    Prometheus is asked first, where there is one: an alert also resolves because its target is gone. Where nobody can be asked
    and a repair hung until the end of its box, the alert may be gone because its host is: a host that hangs tells nothing.
    """
    outcomes = [attempt.outcome for attempt in draft.incident.attempts]
    window = window_over(draft)
    if window and not any(attempt.outcome for attempt in draft.incident.repairs):
        end_in_window(draft, window)
    elif draft.incident.course.probing is not None and draft.incident.course.mode is Mode.ACT:
        draft.move(State.VERIFYING)
    elif draft.incident.has_repaired:
        draft.conclude(Result.REPAIRED)
    elif PlayOutcome.TIMED_OUT in outcomes:
        end_of_automation(
            draft,
            Result.UNKNOWN,
            f"the alert resolved, but {_what_hung(draft)} had hung on the host, which may be gone",
        )
    else:
        draft.conclude(Result.RESOLVED_BY_ITSELF)


def _what_hung(draft: Draft) -> str:
    repaired = any(attempt.outcome is PlayOutcome.TIMED_OUT for attempt in draft.incident.repairs)
    return "the repair" if repaired else "the preview of the repair"


def refuse(draft: Draft) -> None:
    """Tell people why nothing may run for this alert."""
    draft.note("alert.refused", {"why": draft.incident.course.refusal})
    end_of_automation(draft, Result.REFUSED, draft.incident.course.refusal)


def verify(draft: Draft) -> bool:
    """Go one step of the state `verifying`; False when there is nothing more to do now."""
    if draft.incident.course.lends:
        _loan_is_over(draft)
        return True
    if draft.incident.course.drill and _is_rehearsed(draft):
        return True
    if draft.incident.escalation is not None:  # the repair left its hosts held; before all else people must know
        if tell_people(draft):
            return True
        if not draft.incident.escalation.delivered:
            return False
    if draft.incident.resolved:
        if draft.incident.course.drill:
            draft.conclude(draft.incident.result or Result.REHEARSED)
            return True
        return _is_proven(draft)
    draft.incident = replace(draft.incident, proof="")  # it fires again, so what was seen before counts no more
    return _fires_still(draft)


def _fires_still(draft: Draft) -> bool:
    if not draft.incident.has_repaired:
        _begin_after_all(draft)
        return True
    deadline = draft.incident.since + draft.incident.course.alert_resolves_within
    if deadline <= draft.now:
        within = draft.incident.course.alert_resolves_within.total_seconds()
        next_attempt(draft, f"the repair ran, but the alert did not resolve within {within:.0f} s", Result.FAILED)
        return True
    draft.wake(deadline)
    return False


def _loan_is_over(draft: Draft) -> None:
    """Its grant is gone. What the runner itself did under it, and can't prove ended, people must look at."""
    attempt = draft.incident.attempt
    if attempt.outcome is PlayOutcome.UNKNOWN and not draft.incident.course.hands_out:
        draft.call_people(Result.UNKNOWN, attempt.sentence)
    else:
        draft.conclude(Result.RETURNED if attempt.outcome is PlayOutcome.OK else Result.FAILED)


def _is_proven(draft: Draft) -> bool:
    """The alert has resolved: close, if Prometheus says that its target is still there, and that the fault is gone."""
    proof = draft.incident.proof
    if draft.incident.course.probing is None or proof:
        draft.note("verified", {"by": f"alert resolved, {proof}" if proof else "alert resolved"})
        draft.conclude(Result.REPAIRED if draft.incident.has_repaired else Result.RESOLVED_BY_ITSELF)
        return True
    if draft.incident.retries and draft.pausing:  # without a try it was the alert that we waited for
        return False
    draft.begin(Effect.PROBE)
    return True


def _begin_after_all(draft: Draft) -> None:
    """While Prometheus was asked whether it had resolved by itself, the alert fired again."""
    if draft.incident.course.plan is None:
        refuse(draft)
    else:
        draft.move(State.WAITING)


def _is_rehearsed(draft: Draft) -> bool:
    """A drill's alert has resolved: its end is to tell everybody, since whether they can be told belongs to it."""
    if not draft.incident.resolved or draft.incident.escalation is not None:
        return False
    draft.note("verified", {"by": "alert resolved"})
    draft.call_people(None, "the drill has come through")
    return True
