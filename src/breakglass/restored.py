# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that is older than the journal: restored from a backup, or made anew beside a journal that goes on.

It does not know what ran since, nor what is still open on hosts. So nothing starts until a person has looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from breakglass.domain.holds import Scope
from breakglass.domain.own_alerts import OwnAlert, OwnName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.journal import Journal
    from breakglass.own_alerts import OwnAlerts
    from breakglass.store.holds import Holds
    from breakglass.store.journal_queue import JournalQueue

BY: Final = "the runner at its start"
MOST_NAMES: Final = 5
LOOKED_AT: Final = 200
"""So many of the newest streams are compared; a backup that is older than that is older in the newest, too."""


def hold_after_restore(journal: Journal, queue: JournalQueue, holds: Holds, own_alerts: OwnAlerts) -> None:
    """At the start: hold everything, and tell people, if the database does not know the newest streams of its journal.

    Each such stream is made known after that, so that a lifted hold is not set again by the next start; a start that is
    broken off before does all of it again.

    Raises:
        DatabaseUnavailable: Not all of it was done; the runner can't start.
    """
    newest = journal.newest_streams(LOOKED_AT)
    unknown = queue.unknown(newest)
    if not unknown:
        return
    reason = (
        f"the database is older than the journal: it knows nothing of {_some(unknown)}. Was it restored? Find out what ran "
        "since then (breakglass audit show), and what is still open, then lift this"
    )
    holds.set(Scope.ALL, [""], reason, BY)
    own_alerts.raise_(OwnAlert(OwnName.DATABASE_OLDER_THAN_JOURNAL, "", f"everything is held: {reason}"))
    queue.make_known({stream: newest[stream] for stream in unknown})


def _some(streams: Sequence[str]) -> str:
    names = list(dict.fromkeys(stream.rsplit("/", 2)[-2] for stream in streams))
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown
