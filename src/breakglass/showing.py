# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident or a run as text for a terminal, out of the journal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import as_mapping

from breakglass.narrator import Narrator, told
from breakglass.reading import records_by_time
from breakglass.timeline import event_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.reading import Story, Troubles
    from breakglass.selection import Selection


@dataclass(frozen=True)
class Show:
    """What to show of a journal.

    Attributes:
        journal: Its directory.
        selection: Which records.
        every: Tell every record, also those that people need not see.
    """

    journal: Path
    selection: Selection
    every: bool = False

    def lines(self, story: Story, troubles: Troubles) -> Iterator[str]:
        """Yield a story's headline and its lines; nothing when nothing of it is wanted."""
        events = [event_of(record) for record in records_by_time(self.journal, story.streams, troubles)]
        if not events:
            return
        narrator = Narrator()
        lines = told(events, narrator, narrator.tell_all if self.every else narrator.tell)
        wanted = [line for event, line in lines if self.selection.takes(event, line.text)]
        if not wanted:
            return
        began = events[0].at
        about = next((line.text for _, line in lines if line.name in ("incident", "run")), "")
        yield f"  {printable(story.name)}   {f'{about}   ' if about else ''}{began:%Y-%m-%d %H:%M:%S} UTC"
        headlines = ("incident", "run")
        yield from (shown(line, began) for line in wanted if line.name not in headlines)

    def objects(self, story: Story, troubles: Troubles) -> Iterator[str]:
        """Yield the wanted records of a story, one JSON object a line."""
        for record in records_by_time(self.journal, story.streams, troubles):
            if self.selection.takes(event_of(record)):
                yield json.dumps(as_mapping(record), sort_keys=True, separators=(",", ":"))
