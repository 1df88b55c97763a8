# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may say to an incident: that they have heard, that it shall stop, that it is done, to try again, yes or no. Pure.

An order never opens anything that the policy does not: a retry is the same plan under the same limits of time and hosts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from breakglass.domain.incident import Result, State
from breakglass.domain.people import Account
from breakglass.domain.voting import vote_refusal

if TYPE_CHECKING:
    from breakglass.domain.approvals import Vote
    from breakglass.domain.closing import Closing
    from breakglass.domain.draft import Draft
    from breakglass.domain.incident import Incident

LONGEST_REASON = 500


class Word(StrEnum):
    """What is said."""

    ACKNOWLEDGE = "acknowledge"
    CANCEL = "cancel"
    CLOSE = "close"
    RETRY = "retry"
    VOTE = "vote"


@dataclass(frozen=True)
class Ordered:
    """A person says it.

    Attributes:
        word: See Word.
        person: Who.
        reason: Why, a sentence.
        vote: What was said to the plan; None unless the word is `vote`.
        account: By which entity of Vault they came; None for people of the runner's machine, and for votes, which say it.
        verdict: What it was, of a closing; None where nobody has said.
    """

    word: Word
    person: str
    reason: str
    vote: Vote | None = None
    account: Account | None = None
    verdict: Closing | None = None


def refusal(incident: Incident, ordered: Ordered) -> str:
    """Why this can't be said to the incident as it is now; empty if it can."""
    if incident.state is State.CLOSED:
        return f"{incident.id} is closed already: {incident.result.value if incident.result else 'without a result'}"
    if ordered.vote is not None:
        return vote_refusal(incident, ordered.vote)
    return _REFUSALS[ordered.word](incident)


def no_revocation(incident: Incident) -> str:
    """Why there is no grant of this incident to revoke; empty if there is one, or may be in a moment."""
    if incident.open_grant or incident.state in (State.OPENING, State.RUNNING, State.CLOSING):
        return ""
    if incident.state is State.CLOSED:
        return f"{incident.id} is closed, and no grant of it is open"
    return f"{incident.id} has no grant ({incident.state.value}), so there is nothing to revoke; breakglass cancel or close ends it"


def absorb_order(draft: Draft, ordered: Ordered) -> None:
    """Take it in, or record that it came too late."""
    about = {"word": ordered.word.value, "by": ordered.person, **(ordered.account.recorded if ordered.account else {})}
    if why := refusal(draft.incident, ordered):
        draft.note("order.refused", {**about, "why": why})
        return
    judged = {"verdict": ordered.verdict.value} if ordered.verdict else {}
    draft.note("order.given", {**about, **judged, "why": ordered.reason})
    match ordered.word:
        case Word.ACKNOWLEDGE:
            _acknowledge(draft, ordered.person)
        case Word.CANCEL:
            draft.incident = replace(draft.incident, cancelled_by=ordered.person, wake_at=None)
        case Word.CLOSE:
            draft.conclude(draft.incident.result or Result.FAILED)
        case Word.RETRY:
            draft.incident = replace(draft.incident, result=None, escalation=None)
            draft.move(State.WAITING)


def _acknowledge(draft: Draft, person: str) -> None:
    if draft.incident.escalation is not None:
        heard = replace(draft.incident.escalation, acknowledged_by=person)
        draft.incident = replace(draft.incident, escalation=heard, wake_at=None)


def _no_acknowledgement(incident: Incident) -> str:
    if incident.escalation is None:
        return f"nobody has been called because of {incident.id}, so there is nothing to acknowledge"
    if incident.escalation.acknowledged_by:
        return f"{incident.escalation.acknowledged_by} has acknowledged {incident.id} already"
    return ""


def _no_cancel(incident: Incident) -> str:
    if incident.state is State.ESCALATED:
        return f"nothing of {incident.id} is under way any more; close it, or retry it"
    if incident.cancelled_by:
        return f"{incident.cancelled_by} has cancelled {incident.id} already; its grant is being closed"
    return ""


def _no_close(incident: Incident) -> str:
    if incident.state is not State.ESCALATED:
        return f"automation is still at {incident.id} ({incident.state.value}); cancel it first"
    return ""


def _no_retry(incident: Incident) -> str:
    if incident.state is not State.ESCALATED:
        return f"automation is still at {incident.id} ({incident.state.value}); it tries by itself"
    if incident.course.plan is None:
        return f"{incident.id} has no plan, because its alert was refused: {incident.course.refusal}"
    return ""


_REFUSALS = {
    Word.ACKNOWLEDGE: _no_acknowledgement,
    Word.CANCEL: _no_cancel,
    Word.CLOSE: _no_close,
    Word.RETRY: _no_retry,
}
