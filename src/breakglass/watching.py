# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching incidents in the journal as they go on: one from its beginning to its end, or all from now on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.following import Following
from breakglass.reading import find_story
from breakglass.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.following import Happened

INCIDENT = "INC-"


@dataclass
class Watching:
    """What is watched.

    Attributes:
        following: Reads the journal.
        story: The incident; empty for all.
        is_over: Whether the incident was closed, and all of it is told.
    """

    following: Following
    story: str
    is_over: bool = False

    @classmethod
    def of(cls, journal: Path, story: str) -> Watching:
        """Begin; raises UnknownStory, NoJournal."""
        following = Following(journal, Selection(), find_story(journal, story).name if story else "")
        if not story:
            following.start()  # what was there before is not told
        return cls(following, story)

    def new_lines(self) -> Iterator[str]:
        """Yield a line for each of `new_events`."""
        return (happened.shown for happened in self.new_events())

    def new_events(self) -> Iterator[Happened]:
        """Yield each thing that has happened since the last call; raises NoJournal."""
        for happened in self.following.new_events():
            if happened.story.startswith(INCIDENT):
                yield happened
            if self.story and happened.kind == "incident.closed":
                self.is_over = True
