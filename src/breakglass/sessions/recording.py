# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one session: a stream of its own, written while it lasts. Nothing is shown to a person before it is on the disk here.

A write may hang as long as a disk does, and who waited for it may have gone on meanwhile. So a record has one writer at a time,
and nothing follows its end, whoever still wanted to write.

What is recorded is what the terminal showed, as asciicast v2 has it (https://docs.asciinema.org/manual/asciicast/v2/);
what was typed is not. Bytes that are no UTF-8 stand as U+FFFD.
"""

from __future__ import annotations

import codecs
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

OPENED = "session.opened"
OUTPUT = "session.output"
RESIZED = "session.resized"
TOLD = "session.told"
CONTINUED = "session.continued"
ENDED = "session.ended"


class RecordIsOver(BreakglassError):
    """Raised when something is to be written into a record that has its end."""


class Recording:
    """Its one writer.

    Attributes:
        name: Of the stream.
        bytes: That were recorded.
    """

    def __init__(self, directory: Path, name: str) -> None:
        """Make the stream, which the ledger names already. Raises BreakglassError."""
        self.name = name
        self.bytes = 0
        self._stream = Stream.create(directory / f"{name}.jsonl", name)
        self._began = time.monotonic()
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._turn = threading.Lock()
        self._is_over = False

    @property
    def seconds(self) -> float:
        """Since its beginning."""
        return round(time.monotonic() - self._began, 6)

    def opened(self, about: Mapping[str, JsonValue]) -> None:
        """A session is about to begin. This and the others are durable on return, and raise BreakglassError."""
        with self._its_turn():
            self._write(OPENED, about)

    def output(self, said: bytes, channel: str = "out") -> None:
        """The terminal shows this; a command without one has `out` and `error`."""
        with self._its_turn():
            decoder = self._decoders.setdefault(channel, codecs.getincrementaldecoder("utf-8")("replace"))
            text = decoder.decode(said)
            self.bytes += len(said)
            if text:
                self._write(OUTPUT, {"seconds": self.seconds, "channel": channel, "text": text})

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size."""
        with self._its_turn():
            self._write(RESIZED, {"seconds": self.seconds, "columns": columns, "rows": rows})

    def told(self, text: str) -> None:
        """The runner itself has written this into the terminal."""
        with self._its_turn():
            self._write(TOLD, {"seconds": self.seconds, "text": text})

    def continued(self, other: Recording, until: str) -> None:
        """The session goes on, and so does its record, in another stream, with what is left of a character here; nothing follows."""
        with self._its_turn():
            other._decoders = self._decoders
            self._write(CONTINUED, {"seconds": self.seconds, "bytes": self.bytes, "stream": other.name, "until": until})
            self._is_over = True

    def ended(self, about: Mapping[str, JsonValue]) -> None:
        """The session is over; nothing follows."""
        with self._its_turn():
            for channel, decoder in self._decoders.items():
                if rest := decoder.decode(b"", final=True):
                    self._write(OUTPUT, {"seconds": self.seconds, "channel": channel, "text": rest})
            self._write(ENDED, {"seconds": self.seconds, "bytes": self.bytes, **about})
            self._is_over = True

    def close(self) -> None:
        """Let go of the stream. Raises BreakglassError."""
        self._stream.close()

    @contextmanager
    def _its_turn(self) -> Iterator[None]:
        """One at a time, and nobody after the end."""
        with self._turn:
            if self._is_over:
                raise RecordIsOver(f"The record {self.name} has its end, and nothing follows.")
            yield

    def _write(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        self._stream.append(kind, body, at=datetime.now(UTC))
