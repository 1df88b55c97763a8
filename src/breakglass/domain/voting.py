# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident that waits for people's yes: may this vote be taken, who is still missing, when is it over. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.approvals import filled, is_met
from breakglass.domain.incident import State
from breakglass.domain.whose import has_approved, has_asked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from breakglass.domain.approvals import Quorum, Requirement, Vote
    from breakglass.domain.incident import Incident

SHOWN_DIGITS = 8


def vote_refusal(incident: Incident, vote: Vote) -> str:
    """Why this vote can't be taken from this person for the incident as it is now; empty if it can."""
    course, quorum = incident.course, incident.course.quorum
    if quorum is None or incident.state is not State.APPROVING or course.plan is None:
        return f"{incident.id} waits for no approval ({incident.state.value})"
    if not vote.person:
        return f"{vote.name}: Vault does not say whose entity this is; an admin sets its metadata `person`"
    if has_asked(vote, incident):
        return f"{vote.person} asked for {incident.id}, and nobody approves themselves"
    if quorum.groups.isdisjoint(vote.groups):
        return f"{vote.person} is in none of the groups that decide about {incident.id} ({', '.join(sorted(quorum.groups))})"
    if vote.digest != course.plan.digest:
        return (
            f"the plan of {incident.id} is {course.plan.digest[:SHOWN_DIGITS]}, not the one that was shown; look again"
        )
    if why := _not_the_preview(incident, vote):
        return why
    if vote.yes and has_approved(vote, incident):
        return f"{vote.person} has approved {incident.id} already, and counts once"
    return ""


def _not_the_preview(incident: Incident, vote: Vote) -> str:
    """Why the vote is not about what people are shown of the plan; empty if it is."""
    course, previewed = incident.course, incident.previewed
    if previewed is None and (course.preview is not None or course.no_preview):
        return f"what the plan of {incident.id} would change is not shown yet; people are asked when it is"
    if vote.preview and vote.preview != (previewed.digest if previewed else ""):
        return f"the preview of {incident.id} is another one than was shown; look again"
    return ""


def is_decided(incident: Incident, quorum: Quorum) -> bool:
    """Whether enough different people have said yes."""
    return is_met(quorum, incident.votes)


def ends_at(incident: Incident, quorum: Quorum) -> datetime:
    """When a question is over."""
    return incident.since + quorum.within


def question_due(incident: Incident, quorum: Quorum) -> datetime | None:
    """When people are to be asked, or reminded once when half of the time is over; None when that has been done."""
    moments = (incident.since, incident.since + quorum.within / 2)
    return moments[incident.asked] if incident.asked < len(moments) else None


def missing(incident: Incident, quorum: Quorum, yours: frozenset[str] = frozenset()) -> str:
    """Who has still to say yes, in words: `1 of dba (you count) · 1 of security or duty-manager`.

    Args:
        incident: What is asked about.
        quorum: Who decides about it.
        yours: The groups by which a yes of whoever reads this would count; none where they can't approve.
    """
    return still_needed(quorum, incident.votes, yours)


def still_needed(quorum: Quorum, votes: Sequence[Vote], yours: frozenset[str] = frozenset()) -> str:
    """The same for any votes."""
    has = filled(quorum, votes)
    open_lines = [
        (line, line.count - count) for line, count in zip(quorum.require, has, strict=True) if count < line.count
    ]
    return " · ".join(f"{left} of {_line(line, yours)}" for line, left in open_lines) or "nobody"


def _line(line: Requirement, yours: frozenset[str]) -> str:
    you = "" if yours.isdisjoint(line.groups) else " (you count)"
    return f"{' or '.join(line.groups)}{you}"
