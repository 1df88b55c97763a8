# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an incident that waits for people's yes: it asks them, takes their votes, and waits. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from breakglass.domain.incident import Effect
from breakglass.domain.messages import Asked
from breakglass.domain.voting import ends_at, missing, question_due, vote_refusal

if TYPE_CHECKING:
    from datetime import timedelta

    from breakglass.domain.approvals import Quorum, Vote
    from breakglass.domain.draft import Draft
    from breakglass.domain.messages import NotAsked


def absorb_vote(draft: Draft, vote: Vote) -> str:
    """Count it, or record that it came too late; returns why the plan is denied, empty if it is not."""
    if why := vote_refusal(draft.incident, vote) or _too_late(draft):
        draft.note("approval.refused", {"by": vote.person, "yes": vote.yes, "why": why})
        return ""
    said = {"by": vote.person, "entity": vote.entity, "groups": list(vote.groups), "digest": vote.digest}
    shown = {"preview": vote.preview} if vote.preview else {}
    line = {"policy_line": draft.incident.course.approval_line, **shown}
    if vote.yes:
        draft.incident = replace(draft.incident, votes=(*draft.incident.votes, vote), wake_at=None)
        draft.note("approval.given", {**said, **line, "why": vote.reason})
        return ""
    draft.note("approval.denied", {**said, **line, "why": vote.reason})
    return f"{vote.person} denied it: {vote.reason}"


def ask(draft: Draft, quorum: Quorum) -> bool:
    """Ask people if that is due; else say what is waited for, and wake in time. True when there is more to do now."""
    due = question_due(draft.incident, quorum)
    if due is not None and due <= draft.now:
        draft.begin(Effect.ASK)
        return True
    draft.incident = replace(draft.incident, blocked=f"approval by {missing(draft.incident, quorum)}")
    draft.wake(min(ends_at(draft.incident, quorum), due or ends_at(draft.incident, quorum)))
    return False


def asked(draft: Draft, answer: Asked | NotAsked, pause: timedelta) -> None:
    """What came of asking; nobody's having heard is tried again until the time is over."""
    if isinstance(answer, Asked):
        body = {"channels": list(answer.channels), "failed": list(answer.failed), "again": draft.incident.asked > 0}
        shown = {"preview": draft.incident.previewed.digest} if draft.incident.previewed else {}
        draft.note("approval.asked", {**body, **shown})
        draft.incident = replace(draft.incident, asked=draft.incident.asked + 1, retries=0)
        return
    draft.note("approval.not_asked", {"why": answer.why})
    draft.retry_in(pause)


def _too_late(draft: Draft) -> str:
    quorum = draft.incident.course.quorum
    if quorum is None or draft.now < ends_at(draft.incident, quorum):
        return ""
    return f"the time to decide about {draft.incident.id} is over"
