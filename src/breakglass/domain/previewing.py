# SPDX-License-Identifier: GPL-3.0-or-later
"""Before people are asked: the plan is run in check mode, as an attempt of its own that repairs nothing. Pure.

What holds: its grant is closed and proven gone like any other; whatever becomes of it people are asked, and told what became
of it. One that nobody saw the end of is made once more, since check mode changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from breakglass.domain.incident import Effect, PlayOutcome, State
from breakglass.domain.previews import Previewed

if TYPE_CHECKING:
    from breakglass.domain.draft import Draft
    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import PlayEnded

PATIENCE = timedelta(seconds=10)
"""How long people wait for a grant that does not come at the first try."""
TRIES = 2
UNSEEN = (PlayOutcome.STOPPED, PlayOutcome.UNKNOWN, PlayOutcome.NOT_STARTED)


def begin_preview(draft: Draft) -> bool:
    """Begin the preview that is to stand in the question; False when there is none to be made (any more)."""
    course = draft.incident.course
    if draft.incident.previewed is not None or (course.preview is None and not course.no_preview):
        return False
    if course.preview is None:
        _tell(draft, Previewed(why_not=course.no_preview))
        return True
    draft.new_attempt(preview=True)
    draft.move(State.OPENING)
    return True


def give_up_preview(draft: Draft, why: str) -> None:
    """No grant was opened for it: people are asked without."""
    _tell(draft, Previewed(why_not=why))
    draft.move(State.APPROVING)


def may_wait(draft: Draft) -> bool:
    """Whether there is time for one more try to open its grant."""
    return draft.now - draft.incident.since < PATIENCE


def take_preview(draft: Draft, ended: PlayEnded) -> None:
    """Keep what the play has shown, until its grant is gone; nothing of one that is to be made again."""
    if ended.outcome is PlayOutcome.OK:
        seen = ended.previewed or Previewed()
    elif ended.outcome in UNSEEN and len(_unseen(draft.incident)) < TRIES:
        return
    else:
        seen = Previewed(why_not=ended.sentence)
    draft.incident = replace(draft.incident, previewed=seen)


def preview_is_over(draft: Draft) -> None:
    """Its grant is gone: ask people, or make it once more."""
    if draft.incident.previewed is not None:
        _tell(draft, draft.incident.previewed)
    draft.move(State.APPROVING)


def ask_meanwhile(draft: Draft) -> bool:
    """Ask people although the preview's grant is not proven gone yet: that must not keep them from knowing.

    Tried once, after the first proof that failed; their answers are taken when the grant is gone.
    """
    waits = draft.incident.attempt.preview and not draft.incident.asked and draft.incident.retries == 1
    if not waits or draft.incident.cancelled_by:
        return False
    draft.begin(Effect.ASK)
    return True


def _unseen(incident: Incident) -> list[PlayOutcome]:
    """The ends of its newest previews that nobody saw."""
    newest = takewhile(lambda attempt: attempt.preview, reversed(incident.attempts))
    return [attempt.outcome for attempt in newest if attempt.outcome in UNSEEN]


def _tell(draft: Draft, previewed: Previewed) -> None:
    plan = draft.incident.course.plan
    draft.incident = replace(draft.incident, previewed=previewed)
    draft.note(
        "plan.previewed",
        {
            "digest": plan.digest if plan else "",
            "preview": previewed.digest,
            "changes": len(previewed.changes) + previewed.left_out,
            "why": previewed.sentence,
        },
    )
