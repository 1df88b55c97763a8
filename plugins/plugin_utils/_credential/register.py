# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream in which a run's credentials are journalled: the intent before each request, the fact after it.

It stands beside the run's own stream (`play-1` has `credentials-1`), because the workers that ask for credentials can't
write the callback's. They take turns; so it has one writer at a time.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from .._journal.ledger import Ledger
from .._journal.record import BrokenRecord, parse
from .._journal.stream import ChangedStream, Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.canonical import JsonValue
    from .._journal.record import Record

_PLAY = "play-"
_CREDENTIALS = "credentials-"


def credential_stream(play: str) -> str:
    """Return the name of the credential stream that belongs to a play's stream."""
    directory, slash, name = play.rpartition("/")
    return f"{directory}{slash}{_CREDENTIALS}{name.removeprefix(_PLAY)}"


class Register:
    """The credentials of one run."""

    def __init__(
        self, journal: Path, play: str, *, announced: bool = False, always: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Take the journal's directory and the play's stream.

        Args:
            journal: The directory.
            play: The play's stream.
            announced: Whether the ledger names our stream already; a runner's does.
            always: Fields that every record has.
        """
        self._journal = journal
        self._announced = announced
        self._always = always or {}
        self.stream = credential_stream(play)
        self.path = journal / f"{self.stream}.jsonl"

    def write(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        """Write a record, durable on return; for one writer at a time.

        Raises:
            BreakglassError: It can't be written, and what it announces must not happen.
        """
        with self._open() as stream:
            stream.append(kind, {**self._always, **body}, at=_now())

    def read(self) -> list[Record]:
        """Every record that was acknowledged; none when nothing was asked for.

        Raises:
            ChangedStream: It can't be read, so what the grant holds can't be told.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]  # what comes after the last newline was never acknowledged
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ChangedStream(f"The stream {self.path} can't be read: {error.strerror}.") from error
        try:
            return [parse(line) for line in lines]
        except BrokenRecord as error:
            raise ChangedStream(f"The stream {self.path} has been changed: {error} Verify the journal.") from error

    def _open(self) -> Stream:
        if self.path.exists():
            return Stream.resume(self.path, self.stream, _now)
        if not self._announced:
            Ledger.open(self._journal).announce(Path(f"{self.stream}.jsonl"), self.stream)
        return Stream.create(self.path, self.stream)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
