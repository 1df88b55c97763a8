# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a session again: verified first, and made harmless."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.errors import BreakglassError
from breakglass.reading import Troubles, find_story, records_of
from breakglass.sessions.cast import cast, pieces
from breakglass.sessions.harmless import RESET, Harmless
from breakglass.verification import Witnesses, verify_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.sessions.cast import Piece

CHANGED: Final = 2
LONGEST_PAUSE_SECONDS: Final = 2.0
PREFIX: Final = "session-"


class NoSession(BreakglassError):
    """Raised when there is no such session, or several and none was named."""


class ChangedSession(BreakglassError):
    """Raised when the record of a session is not as it was written."""


@dataclass(frozen=True)
class Replay:
    """One session of the journal.

    Attributes:
        journal: The journal's directory.
        stream: Its stream, relative to that.
    """

    journal: Path
    stream: str

    @classmethod
    def find(cls, journal: Path, incident: str, number: int | None) -> Replay:
        """The session of an incident with this number; the only one where none is given. Raises NoSession, UnknownStory."""
        streams = find_story(journal, incident).streams
        numbers = {_number(stream): stream for stream in streams if _number(stream)}
        wanted = number if number is not None else next(iter(numbers), 0) if len(numbers) == 1 else None
        if wanted in numbers:
            return cls(journal, numbers[wanted])
        listed = ", ".join(map(str, sorted(numbers))) or "none"
        raise NoSession(f"{printable(incident)} has these sessions: {listed}. Name one with --session.")

    def verify(self, environ: Mapping[str, str], *, offline: bool) -> str:
        """Say in a sentence how far the record can be trusted.

        Raises:
            ChangedSession: It was changed.
            BreakglassError: Keys or anchors can't be read.
        """
        verified = verify_paths([self.journal / self.stream], Witnesses(offline=offline), environ)[0]
        if verified.exit_code == CHANGED:
            raise ChangedSession(f"The record of this session is not as it was written. {verified.text()}")
        return verified.text().partition("\n")[0]

    def records(self) -> Iterator[Record]:
        """Its records."""
        return records_of(self.journal, self.stream, Troubles())

    def pieces(self) -> Iterator[Piece]:
        """What it shows."""
        return pieces(self.records())

    def lines(self, verified: str = "") -> Iterator[str]:
        """It as asciicast v2, as it was recorded; `verified` is for the header."""
        return cast(self.records(), verified)


def play(
    shown: Iterable[Piece], show: Callable[[str], None], speed: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Show it as it was seen, so many times as fast; long pauses are cut. Nothing in it makes a terminal answer or act."""
    harmless, at = Harmless(), 0.0
    try:
        for piece in shown:
            sleep(min(max(0.0, piece.seconds - at) / speed, LONGEST_PAUSE_SECONDS))
            at = piece.seconds
            if piece.code == "o":
                show(harmless.feed(piece.text))
    finally:
        show(RESET)


def plain_lines(shown: Iterable[Piece]) -> Iterator[str]:
    """Its lines, with everything that is not plainly visible escaped."""
    rest = ""
    for piece in shown:
        if piece.code == "o":
            *lines, rest = (rest + piece.text).split("\n")
            yield from (printable(line.removesuffix("\r")) for line in lines)
    if rest:
        yield printable(rest)


def export(lines: Iterable[str], path: Path) -> None:
    """Write a file of asciicast v2, for this user alone. Raises NoSession when it can't be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise NoSession(f"{path} can't be written: {error.strerror}.") from error


def _number(stream: str) -> int:
    name = stream.rpartition("/")[2].removesuffix(".jsonl")
    number = name.removeprefix(PREFIX)
    return int(number) if name.startswith(PREFIX) and number.isascii() and number.isdecimal() else 0
