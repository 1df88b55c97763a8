# SPDX-License-Identifier: GPL-3.0-or-later
"""More time for a request whose grant is open: another request, under the rules of now, that the sessions of the first go over to. Pure.

What holds: an extension opens only while what it extends is open; it opens the same access on the same hosts for the
same person, for no longer than was approved; what it extends is closed when it opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain.incident import Incident, State
from breakglass.domain.requests import RefusedRequest, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from breakglass.domain.course import Course

SHORTEST_QUESTION = timedelta(seconds=1)


@dataclass(frozen=True)
class Extension:
    """What somebody wants who asks for more time.

    Attributes:
        time_box: From the moment that the extension opens; None for as much as the first one had.
        reason: Why; empty for that of the first one.
        override: Whether they do without the approval, where the policy lets them.
    """

    time_box: timedelta | None = None
    reason: str = ""
    override: bool = False


def wish_to_extend(found: Incident, extension: Extension, others: Sequence[Incident], now: datetime) -> Wish:
    """What is asked for; `others` were asked for to extend the same one. Raises RefusedRequest."""
    plan, asker, until = found.course.plan, found.course.asked_by, found.until
    if plan is None or asker is None or until is None or found.state is not State.RUNNING:
        raise RefusedRequest(f"{found.id} is not open ({found.state.value}), so there is nothing to extend: ask anew.")
    if found.course.hands_out:
        raise RefusedRequest(
            f"The grant of {found.id} was handed out: what was taken of it is in files and programs outside of the runner, and dies with "
            f"it at {until:%H:%M:%S} UTC, so more time is another grant with other credentials. End your command when it can stop, give "
            f"this one back (breakglass release {found.id}), and ask anew with a --time-box that is long enough."
        )
    if waiting := next((one.id for one in others if one.state is not State.CLOSED), ""):
        raise RefusedRequest(f"{waiting} extends {found.id} already; withdraw it with: breakglass release {waiting}")
    box = extension.time_box or timedelta(seconds=plan.time_box_seconds)
    if now + box <= until:
        raise RefusedRequest(
            f"{found.id} is open until {until:%H:%M:%S} UTC anyway, and an extension counts from the moment that it opens: "
            "ask for more, or later."
        )
    reason = extension.reason.strip() or asker.reason
    return Wish(plan.access, plan.hosts, reason, asker.ticket, box, override=extension.override, extends=found.id)


def asked_in_time(course: Course, found: Incident, now: datetime) -> Course:
    """The same, with a question that is over when the first grant is: nothing could be extended after that."""
    until = found.until
    if course.quorum is None or until is None:
        return course
    within = max(SHORTEST_QUESTION, min(course.quorum.within, until - now))
    return replace(course, quorum=replace(course.quorum, within=within))


def nothing_to_extend(extended: Incident | None, name: str) -> str:
    """Why an extension may not open: what it extends is not open any more; empty while it is."""
    if extended is not None and extended.state is State.RUNNING and not extended.cancelled_by:
        return ""
    return f"{name} is over, so there is nothing to extend: ask anew"
