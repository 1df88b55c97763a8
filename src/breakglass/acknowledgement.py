# SPDX-License-Identifier: GPL-3.0-or-later
"""`journal.mode: remote_strict` at the runner's door: has a sink on another machine the record of an incident?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.awaiting import await_remote
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.settings import JournalSettings

WAIT_SECONDS = 2.5
"""The shipper looks each second at the latest. Whoever waits longer is asked again later: others need the thread."""
NOBODY_ELSE = "no sink on another machine has acknowledged what is recorded of it (journal.mode: remote_strict)"


def remote_acknowledgement(journal: JournalSettings) -> Callable[[str], str]:
    """Return who says why a stream's records, as they are now, are on no other machine; empty when they may stay here.

    What is returned takes the stream's path without `.jsonl`, waits for a moment, and raises BreakglassError where the
    journal can't be read.
    """
    if journal.mode != Mode.REMOTE_STRICT.value:
        return lambda _: ""
    sinks = make_sinks(journal.sinks.sinks, journal.sinks.directory)

    def missing(stream: str) -> str:
        return NOBODY_ELSE if await_remote(journal.directory, sinks, [f"{stream}.jsonl"], WAIT_SECONDS) else ""

    return missing
