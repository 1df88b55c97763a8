# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one session: a stream of its own, written while it lasts. Nothing is shown to a person before it is on the disk here.

What is recorded is what the terminal showed, as asciicast v2 has it (https://docs.asciinema.org/manual/asciicast/v2/);
what was typed is not. Bytes that are no UTF-8 stand as U+FFFD.
"""

from __future__ import annotations

import codecs
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

OPENED = "session.opened"
OUTPUT = "session.output"
RESIZED = "session.resized"
TOLD = "session.told"
CONTINUED = "session.continued"
ENDED = "session.ended"


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

    @property
    def seconds(self) -> float:
        """Since its beginning."""
        return round(time.monotonic() - self._began, 6)

    def opened(self, about: Mapping[str, JsonValue]) -> None:
        """A session is about to begin. This and the others are durable on return, and raise BreakglassError."""
        self._write(OPENED, about)

    def output(self, said: bytes, channel: str = "out") -> None:
        """The terminal shows this; a command without one has `out` and `error`."""
        decoder = self._decoders.setdefault(channel, codecs.getincrementaldecoder("utf-8")("replace"))
        text = decoder.decode(said)
        self.bytes += len(said)
        if text:
            self._write(OUTPUT, {"seconds": self.seconds, "channel": channel, "text": text})

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size."""
        self._write(RESIZED, {"seconds": self.seconds, "columns": columns, "rows": rows})

    def told(self, text: str) -> None:
        """The runner itself has written this into the terminal."""
        self._write(TOLD, {"seconds": self.seconds, "text": text})

    def continued(self, other: Recording, until: str) -> None:
        """The session goes on, and so does its record, in another stream, with what is left of a character here; nothing follows."""
        other._decoders = self._decoders
        self._write(CONTINUED, {"seconds": self.seconds, "bytes": self.bytes, "stream": other.name, "until": until})

    def ended(self, about: Mapping[str, JsonValue]) -> None:
        """The session is over; nothing follows."""
        for channel, decoder in self._decoders.items():
            if rest := decoder.decode(b"", final=True):
                self._write(OUTPUT, {"seconds": self.seconds, "channel": channel, "text": rest})
        self._write(ENDED, {"seconds": self.seconds, "bytes": self.bytes, **about})

    def close(self) -> None:
        """Let go of the stream. Raises BreakglassError."""
        self._stream.close()

    def _write(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        self._stream.append(kind, body, at=datetime.now(UTC))
