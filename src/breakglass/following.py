# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a journal as it grows: new streams are found through the ledger, each is read from where it was left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import ANNOUNCED, NAME, SEALED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import BrokenRecord, parse
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.tail import pieces
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import story_of

from breakglass.narrator import OVER, Narrator
from breakglass.reading import NoJournal
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.selection import Selection
    from breakglass.timeline import Event, Line


@dataclass
class Followed:
    """A stream: how many bytes of it were read, whether the ledger says that it is complete, whether it was read since."""

    offset: int = 0
    is_sealed: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class Happened:
    """A record that has come and is wanted.

    Attributes:
        story: The incident or run that it belongs to.
        event: The record.
        line: What is told of it.
    """

    story: str
    event: Event
    line: Line

    @property
    def kind(self) -> str:
        """Of the record."""
        return self.event.kind

    @property
    def shown(self) -> str:
        """Its line for people, among those of others."""
        return f"{self.line.at:%H:%M:%S}  {printable(self.story):<14} {self.line.name:<11} {self.line.text}"


@dataclass
class Following:
    """Follows a journal from now on. What was there before is read, so that what comes can be understood, and not told.

    Attributes:
        journal: Its directory.
        selection: Which records to tell.
        story: The incident or run to tell; empty for all.
    """

    journal: Path
    selection: Selection
    story: str = ""
    _ledger: Followed = field(default_factory=Followed)
    _streams: dict[str, Followed] = field(default_factory=dict)
    _narrators: dict[str, Narrator] = field(default_factory=dict)

    def start(self) -> None:
        """Read what is there, of streams that may grow; raises NoJournal."""
        self._read_ledger()
        for name, followed in self._streams.items():
            if followed.is_sealed:
                followed.offset, followed.is_over = self._size(name), True
        for _ in self.new_lines():
            pass

    def new_lines(self) -> Iterator[str]:
        """Yield a line for each record that has come since the last call and is wanted; raises NoJournal."""
        return (happened.shown for happened in self.new_events())

    def new_events(self) -> Iterator[Happened]:
        """Yield each record that has come since the last call, is wanted and is told; raises NoJournal."""
        self._read_ledger()
        growing = [name for name, followed in self._streams.items() if not followed.is_over]
        records = [record for name in growing for record in self._new_records(name)]
        for record in sorted(records, key=lambda record: record.at):
            yield from self._told(record)
        self._forget(growing)

    def _read_ledger(self) -> None:
        for record in self._read(NAME, self._ledger):
            stream = record.body.get("stream")
            if not isinstance(stream, str) or not self._is_wanted(stream):
                continue
            if record.kind == ANNOUNCED:
                followed = self._streams.setdefault(stream, Followed())
                followed.is_sealed = followed.is_over = False
            elif record.kind == SEALED and stream in self._streams:
                self._streams[stream].is_sealed = True
        if not self._ledger.offset:
            raise NoJournal(f"There is no journal in {self.journal}. Name one with --journal.")

    def _is_wanted(self, stream: str) -> bool:
        """A name from the ledger is read only where a journal's streams stand: below its directory."""
        inside = stream.endswith(".jsonl") and not stream.startswith("/") and ".." not in stream.split("/")
        return inside and (not self.story or story_of(stream) == self.story)

    def _new_records(self, name: str) -> Iterator[Record]:
        followed = self._streams[name]
        yield from self._read(name, followed)
        followed.is_over = followed.is_sealed

    def _forget(self, names: list[str]) -> None:
        """Keep no memory of an incident or run whose streams are all complete."""
        growing = {story_of(name) for name, followed in self._streams.items() if not followed.is_over}
        for name in names:
            if story_of(name) not in growing:
                self._narrators.pop(story_of(name), None)

    def _size(self, name: str) -> int:
        path = self.journal / name
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0

    def _read(self, name: str, followed: Followed) -> Iterator[Record]:
        if self._size(name) <= followed.offset:
            return
        with (self.journal / name).open("rb") as file:
            file.seek(followed.offset)
            for piece in pieces(file):
                if not piece.endswith(b"\n"):
                    return
                followed.offset += len(piece)
                try:
                    yield parse(piece[:-1])
                except BrokenRecord:
                    continue  # the verifier says so

    def _told(self, record: Record) -> Iterator[Happened]:
        event, story = event_of(record), story_of(record.origin)
        narrator = self._narrators.setdefault(story, Narrator())
        line = narrator.tell(event)
        if line is not None and self.selection.takes(event, line.text):
            yield Happened(story, event, line)
        if event.kind in OVER:
            lost = ((begun, line) for begun, line in narrator.lost() if self.selection.takes(begun))
            yield from (Happened(story, begun, line) for begun, line in lost)
