# SPDX-License-Identifier: GPL-3.0-or-later
"""`keep_incidents`: what closed longer ago is forgotten by the database, in small batches, by the runner that leads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from breakglass.domain.rules import Limits
    from breakglass.store.pruning import Pruning

LOG = logging.getLogger("breakglass.pruning")
EVERY_SECONDS = 600.0
BATCH = 50
BATCHES = 100
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Forgetting:
    """The duty.

    Attributes:
        pruning: The database.
        keep: As the settings say.
        limits: All limits that count now: of the policy in force, and of incidents that are open under an older one.
    """

    pruning: Pruning
    keep: timedelta
    limits: Callable[[], Iterable[Limits]]

    def look(self) -> None:
        """Forget what is due, so many batches at most; the rest at the next look. Raises DatabaseUnavailable."""
        keep = max(self.keep, longest_memory(self.limits()))
        gone = 0
        for _ in range(BATCHES):
            batch = len(self.pruning.prune(keep, BATCH))
            gone += batch
            if batch < BATCH:
                break
        self.pruning.prune_streams(keep)
        if gone:
            LOG.info(
                "%d incidents that closed more than %d days ago were forgotten; the journal has them", gone, keep.days
            )


def longest_memory(limits: Iterable[Limits]) -> timedelta:
    """How far back a limit looks: repairs per day, cooldown, storm."""
    spans = [A_DAY]
    for one in limits:
        spans += [one.cooldown, *([one.storm.within] if one.storm else [])]
    return max(spans)
