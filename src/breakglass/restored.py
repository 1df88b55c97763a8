# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that is older than the journal: restored from a backup, or made anew beside a journal that goes on.

It does not know what ran since, nor what is still open on hosts. So nothing starts until a person has looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from breakglass.domain.holds import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.journal import Journal
    from breakglass.store.holds import Holds
    from breakglass.store.journal_queue import JournalQueue

BY: Final = "the runner at its start"
LOOKED_AT: Final = 200
"""So many of the newest streams are compared; a backup that is older than that is older in the newest, too."""


def hold_after_restore(journal: Journal, queue: JournalQueue, holds: Holds) -> str:
    """At the start: hold everything if the database does not know the newest streams of its journal; why, or empty.

    Each such stream is made known with that, so that a lifted hold is not set again by the next start.

    Raises:
        DatabaseUnavailable: Nothing was held; the runner can't start.
    """
    newest = journal.newest_streams(LOOKED_AT)
    unknown = queue.unknown(newest)
    if not unknown:
        return ""
    reason = (
        f"the database is older than the journal: it knows nothing of {_some(unknown)}. Was it restored? Find out what ran "
        "since then (breakglass audit show), and what is still open, then lift this"
    )
    holds.set(Scope.ALL, [""], reason, BY)
    queue.make_known({stream: newest[stream] for stream in unknown})
    return reason


def _some(streams: Sequence[str]) -> str:
    names = list(dict.fromkeys(stream.rsplit("/", 2)[-2] for stream in streams))
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown  # noqa: PLR2004
