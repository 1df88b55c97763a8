# SPDX-License-Identifier: GPL-3.0-or-later
"""Driving one courier without its pauses: a test needs its decisions, not its patience."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.courier import Courier
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.dead_letters import DeadLetters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.receivers.journal import ShippedJournal

NAME = "siem"


@contextmanager
def courier(journal: ShippedJournal, options: Mapping[str, object]) -> Iterator[Courier]:
    """A courier of one sink, as the shipper would start it; the dead letters are sealed at the end."""
    sink = make_sinks({NAME: dict(options)}, Path("/"))[NAME]
    letters = DeadLetters(journal.directory, lambda: datetime.now(timezone.utc))
    one = Courier(NAME, sink, journal.directory, letters, lambda: 0.5)
    yield one
    one.close()
    letters.close()


def drain(one: Courier, seconds: float = 40) -> tuple[list[float], list[str]]:
    """Take steps until nothing is left to send; returns the pauses that it wanted, and its troubles, one for each change."""
    deadline = time.monotonic() + seconds
    pauses: list[float] = []
    troubles: list[str] = []
    while (wait := one.step()) is not None:
        if wait:
            pauses.append(wait)
        if one.trouble and one.trouble not in troubles:
            troubles.append(one.trouble)
        assert time.monotonic() < deadline, f"not drained: {one.trouble}"
    return pauses, troubles
