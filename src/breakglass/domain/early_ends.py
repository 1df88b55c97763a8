# SPDX-License-Identifier: GPL-3.0-or-later
"""Which SSH certificates are to be believed no more though they are still valid: those whose grant is over.

A certificate can't be taken back where it was signed; it says itself until when it is good. Its key id is the stream that tells of the play,
session or loan that it was made for, so that all that were made for it are known without having been seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.incident import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from breakglass.domain.incident import Attempt, Incident

PLAY = "play-"


def ended_early(incident: Incident, streams: Iterable[str], now: datetime) -> Iterator[str]:
    """Those of an incident's streams whose certificates may still be valid, while the grant that they were made under is over.

    A play's stream ends with the number of its attempt; a session was held, and a grant handed out, under the last one.
    """
    over = {attempt.number: _is_over(incident, attempt, now) for attempt in incident.attempts}
    last = max(over, default=0)
    for stream in streams:
        name = stream.rpartition("/")[2]
        number = name.removeprefix(PLAY)
        if over.get(int(number) if name.startswith(PLAY) and number.isdecimal() else last, False):
            yield stream


def _is_over(incident: Incident, attempt: Attempt, now: datetime) -> bool:
    if attempt.expires_at is None or attempt.expires_at <= now:
        return False
    ends = incident.state in (State.CLOSING, State.CLOSED) or bool(incident.cancelled_by)
    return ends or attempt.outcome is not None or attempt.proven_at is not None or attempt is not incident.attempts[-1]
