# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one run's stream. When a record can't be made durable, no further task starts."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.redaction import Redactor
from .._journal.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.record import JsonValue
    from .place import Place


class Recorder:
    """The one writer of a run's stream.

    Attributes:
        failure: Why nothing more can be recorded; None while all is well.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stream = Stream.create(place.path, place.stream)
        self._known_token = False
        self.redactor = Redactor(key=secrets.token_bytes(32))
        self.failure: BreakglassError | None = None

    def record(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        """Write a record, durable on return; raises what made it impossible, and keeps it as `failure`."""
        if self.failure is not None:
            raise self.failure
        try:
            self._stream.append(kind, body, at=datetime.now(tz=timezone.utc))
        except BreakglassError as error:
            self.failure = error
            raise

    def fail(self, error: BreakglassError) -> None:
        """Take no more records, because one could not even be made."""
        self.failure = self.failure or error

    def learn_secrets(self) -> None:
        """Mask the grant's token literally from now on, as soon as there is one."""
        if not self._known_token:
            with suppress(OSError):
                token = self._place.run.token.read_text(encoding="utf-8")
                self.redactor.learn((token,))
                self._known_token = True

    def close(self) -> None:
        """Let go of the stream."""
        self._stream.close()
