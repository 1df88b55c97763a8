# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident does while a maintenance window is open on one of its hosts: it starts nothing, and goes on afterwards.

A window is judged before an incident asks for its hosts, while people are asked to approve it, and before its grant is
opened: whatever it waited for, nothing begins in the window. A play that runs when the window opens ends by itself, and its repair is verified.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from breakglass.domain.incident import Result, State
from breakglass.domain.maintenance import opened
from breakglass.domain.rules import Mode

if TYPE_CHECKING:
    from breakglass.domain.draft import Draft
    from breakglass.domain.maintenance import Opened


def window_over(draft: Draft) -> Opened | None:
    """The window that keeps this incident from starting now; a trigger that only observes starts nothing anyway."""
    course = draft.incident.course
    return opened(course.windows, draft.now) if course.mode is Mode.ACT else None


def stand_aside(draft: Draft, window: Opened) -> bool:
    """Wait for the window's end without the hosts; a drill does not wait, it leaves them to those who work there."""
    if draft.incident.course.drill:
        draft.note("limits.refused", {"why": str(window)})
        draft.conclude(Result.CANCELLED)
        return True
    if draft.incident.state is not State.WAITING:
        draft.move(State.WAITING)
    draft.block(f"{window}: only observed; what still fires then is repaired")
    draft.incident = replace(draft.incident, aside_until=window.until)
    draft.wake(window.until)
    return False


def take_up_again(draft: Draft) -> None:
    """After a window, patience with other limits begins anew."""
    until = draft.incident.aside_until
    if until is not None and draft.incident.since < until:
        draft.incident = replace(draft.incident, since=until)


def end_in_window(draft: Draft, window: Opened) -> None:
    """The alert resolved while people worked on its hosts: nobody is told, and the record says what would have been done."""
    course = draft.incident.course
    if course.plan is not None:
        body = {"would_have_run": course.plan.remediation, "hosts": list(course.hosts)}
        draft.note("observed", {**body, "maintenance": window.window.name})
    draft.conclude(Result.OBSERVED)
