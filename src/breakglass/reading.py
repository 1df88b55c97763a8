# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a journal: which incidents and runs it has, and their records. Changes nothing, follows no links.

Nothing here says whether a record is genuine: that is the verifier's word. A line that is no record is left out, and said.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal import ledger_file
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.journal_files import list_files
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME as LEDGER
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import BrokenRecord, Record, parse
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.tail import pieces
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import story_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import state_directory

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SETTINGS = Path("settings.yml")


class UnknownStory(BreakglassError):
    """Raised when a journal has no incident, run or stream of this name."""


class NoJournal(BreakglassError):
    """Raised when there is no journal where one is looked for."""


@dataclass(frozen=True)
class Story:
    """The streams that belong together.

    Attributes:
        name: `INC-…`, `RUN-…`, or the path of a stream that belongs to neither.
        streams: Relative to the journal.
    """

    name: str
    streams: tuple[str, ...]


@dataclass
class Troubles:
    """What could not be read, in sentences that are safe to look at."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Take one more."""
        self.sentences.append(printable(sentence))


def find_journal(journal: Path | None, settings: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the journal's directory: the one that is named, else that of the settings, else this user's own.

    Raises:
        NoJournal: It has no ledger.
        BreakglassError: The settings can't be loaded.
    """
    directory = journal or _of_settings(settings) or _of_user(environ)
    if not (directory / LEDGER).is_file():
        raise NoJournal(
            f"There is no journal in {directory}. Name one with --journal, or its settings with --settings."
        )
    return directory


def origin_of(journal: Path) -> str:
    """Return the name that the journal gave itself when it was made; raises BreakglassError."""
    return ledger_file.origin_of(journal / LEDGER)


def stories(journal: Path) -> list[Story]:
    """Every incident and run, and every other stream by itself, oldest day first; the ledger last."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path in list_files(journal).streams:
        name = story_of(path)
        key = (path.rpartition("/")[0], name) if name != path else (path, path)
        groups.setdefault(key, []).append(path)
    ledger = groups.pop((LEDGER, LEDGER), None)
    found = [Story(name, tuple(streams)) for (_, name), streams in sorted(groups.items())]
    return [*found, Story(LEDGER, tuple(ledger))] if ledger else found


def find_stories(journal: Path, word: str) -> list[Story]:
    """Return the incident, run or stream that a person means by its name or its path; of a directory all that is below.

    Raises:
        UnknownStory: There is none.
    """
    known = stories(journal)
    if same := [story for story in known if story.name == word]:
        return [Story(word, tuple(stream for story in same for stream in story.streams))]
    if (inside := _inside(journal, word)) is not None:
        found = known if inside == "." else [_part_of(story, inside) for story in known]
        if below := [story for story in found if story.streams]:
            return below
    raise UnknownStory(
        f"The journal {journal} has no incident, run or stream {printable(word)}. See what it has: breakglass audit show"
    )


def find_story(journal: Path, word: str) -> Story:
    """Return the one incident, run or stream that a person means.

    Raises:
        UnknownStory: There is none, or there are several.
    """
    found = find_stories(journal, word)
    if len(found) > 1:
        raise UnknownStory(f"{printable(word)} has {len(found)} incidents, runs and streams. Name one of them.")
    return found[0]


def _part_of(story: Story, inside: str) -> Story:
    """What of a story is a path, or is below it."""
    return Story(story.name, tuple(stream for stream in story.streams if f"{stream}/".startswith(f"{inside}/")))


def records_of(journal: Path, stream: str, troubles: Troubles) -> Iterator[Record]:
    """Yield the records of a stream, one at a time; a half line at the end was never acknowledged and is none."""
    try:
        with _opened(journal / stream) as file:
            for number, piece in enumerate(pieces(file), 1):
                if piece.endswith(b"\n"):
                    try:
                        yield parse(piece[:-1])
                    except BrokenRecord:
                        troubles.add(f"{stream}, line {number} is not a record. Verify the journal.")
    except OSError as error:
        troubles.add(f"{stream} can't be read: {(error.strerror or type(error).__name__).lower()}.")


def records_by_time(journal: Path, streams: Sequence[str], troubles: Troubles) -> Iterator[Record]:
    """Yield the records of several streams by their time, keeping one of each in memory."""
    return merge(*(records_of(journal, stream, troubles) for stream in streams), key=lambda record: record.at)


def _opened(path: Path) -> BinaryIO:
    """Open a plain file for reading; a pipe of a stream's name must not make us wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return os.fdopen(descriptor, "rb")


def _of_settings(settings: Path | None) -> Path | None:
    if settings is None and not SETTINGS.is_file():
        return None
    from breakglass.settings import load_settings  # noqa: PLC0415 (costs an import of pydantic)

    return load_settings(settings or SETTINGS).journal.directory


def _of_user(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("BREAKGLASS_JOURNAL") or state_directory(environ) / "journal")


def _inside(journal: Path, word: str) -> str | None:
    """The path relative to the journal that a word names, from there or from here; None when it is outside."""
    for path in (journal / word, Path(word)):
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links)
        if os.path.exists(absolute) and absolute.is_relative_to(journal.absolute()):  # noqa: PTH110 (Path raises for long names)
            return absolute.relative_to(journal.absolute()).as_posix()
    return None
