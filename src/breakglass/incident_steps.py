# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of one incident as they come to stand in the journal, told in order, and told on from where somebody stopped listening.

What has been told is a position: the number of the last record of each stream. A record is told when it stands in the
journal, synced; nothing here waits, and nothing asks the database.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import BrokenRecord, parse
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.tail import pieces

from breakglass.errors import BreakglassError
from breakglass.narrator import OVER, Narrator
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.timeline import Event, Line

CLOSED: Final = "incident.closed"
MOST_AT_ONCE: Final = 500
"""Records that are read in one go: the rest comes with the next one."""
LONGEST_POSITION: Final = 4000
_PART = re.compile(r"([a-z0-9][A-Za-z0-9_.-]{0,99}):([0-9]{1,9})", re.ASCII)


class UnreadablePosition(BreakglassError):
    """Raised when a text is no position of ours."""


@dataclass(frozen=True)
class Step:
    """One thing that happened.

    Attributes:
        event: Its record.
        line: What people are told of it.
        position: After it; empty for one after which another step of the same record comes.
    """

    event: Event
    line: Line
    position: str


@dataclass
class Steps:
    """The steps of the incident whose streams stand in one directory.

    Attributes:
        directory: May not be there yet.
        told: What was told before, which is read and not told again.
        is_over: Whether the incident was closed, and all that was read of it is told.
    """

    directory: Path
    told: Mapping[str, int] = field(default_factory=dict)
    is_over: bool = False
    _position: dict[str, int] = field(default_factory=dict)
    _offsets: dict[str, int] = field(default_factory=dict)
    _narrator: Narrator = field(default_factory=Narrator)

    def new(self) -> list[Step]:
        """What has come since the last call, by time. Raises OSError when the journal can't be read."""
        found = merge(*map(self._records, self._streams()), key=lambda one: one[0].at)
        taken = list(islice(found, MOST_AT_ONCE))
        return [step for record, stream, end in taken for step in self._steps(record, stream, end)]

    @property
    def has_read(self) -> bool:
        """Whether there was anything at all in the journal."""
        return bool(self._offsets)

    def _streams(self) -> list[str]:
        return sorted(path.stem for path in self.directory.glob("*.jsonl")) if self.directory.is_dir() else []

    def _steps(self, record: Record, stream: str, end: int) -> list[Step]:
        event = event_of(record)
        line = self._narrator.tell(event)
        lines = [] if line is None else [(event, line)]
        if event.kind in OVER:
            lines += self._narrator.lost()
        self._offsets[stream], self._position[stream] = end, record.seq
        self.is_over = self.is_over or record.kind == CLOSED
        if record.seq <= self.told.get(stream, 0):
            return []
        position = position_text({**self.told, **self._position})
        last = len(lines) - 1
        return [Step(of, line, position if number == last else "") for number, (of, line) in enumerate(lines)]

    def _records(self, stream: str) -> Iterator[tuple[Record, str, int]]:
        """Each whole record that was not read yet, with the stream and where it ends there."""
        path, end = self.directory / f"{stream}.jsonl", self._offsets.get(stream, 0)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return
            file.seek(end)
            for piece in pieces(file):
                if not piece.endswith(b"\n"):
                    return
                end += len(piece)
                try:
                    yield parse(piece[:-1]), stream, end
                except BrokenRecord:
                    continue  # the verifier says so


def position_text(position: Mapping[str, int]) -> str:
    """A position as one word: `play-1:17,runner:12`."""
    return ",".join(f"{stream}:{seq}" for stream, seq in sorted(position.items()))


def position_of(text: str) -> dict[str, int]:
    """The position that a word means; of an empty one the beginning. Raises UnreadablePosition."""
    if not text:
        return {}
    found = [_PART.fullmatch(part) for part in text[:LONGEST_POSITION].split(",")]
    parts = [(one[1], int(one[2])) for one in found if one]
    if len(text) > LONGEST_POSITION or len(parts) < len(found):
        raise UnreadablePosition("This is no position in the events of an incident: begin without one.")
    return dict(parts)
