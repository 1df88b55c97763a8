# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one run's stream. When a record can't be made durable, no further task starts.

What announces something is on the disk before it happens; the worker that will do it brings it there. What tells of something that has happened is handed
to the system at once, and is on the disk with the next announcement, at the end of the run, or after a second at the latest.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.redaction import Redactor
from .._journal.stream import Stream
from .core_secrets import core_mask, tell_core
from .held import Held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.record import JsonValue
    from .place import Place

IDLE_SECONDS = 1.0


class Recorder:
    """The one writer of a run's stream.

    Attributes:
        failure: Why nothing more can be recorded; None while all is well.
        always: Fields that every record has beside its own.
        held: The run's grant and credentials.
        redactor: Masks their secrets.
    """

    def __init__(self, place: Place) -> None:
        self._stream = Stream.create(place.path, place.stream)
        self._known: frozenset[str] = frozenset()
        self.held = Held(place.run, str(place.about.get("accessor", "")))
        self.redactor = Redactor(key=secrets.token_bytes(32), also=core_mask())
        self.failure: BreakglassError | None = None
        self.always: Mapping[str, JsonValue] = {}
        self._over = threading.Event()
        threading.Thread(target=self._sync_when_idle, name="breakglass-journal", daemon=True).start()

    def record(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        """Write a record, durable on return; raises what made it impossible, and keeps it as `failure`."""
        if self.failure is not None:
            raise self.failure
        try:
            self._stream.append(kind, self._whole(body), at=datetime.now(tz=timezone.utc))
        except BreakglassError as error:
            self.fail(error)
            raise

    def announce(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        """Write a record of what a worker that is forked next will do, durable before it does; raises as `record` does."""
        if self.failure is not None:
            raise self.failure
        try:
            self._stream.append_for_children(kind, self._whole(body), at=datetime.now(tz=timezone.utc))
        except BreakglassError as error:
            self.fail(error)
            raise

    def tell(self, kind: str, body: Mapping[str, JsonValue]) -> None:
        """Write a record of what has happened, durable soon; raises and keeps what made it impossible, as `record` does."""
        if self.failure is not None:
            raise self.failure
        try:
            self._stream.append_unsynced(kind, self._whole(body), at=datetime.now(tz=timezone.utc))
        except BreakglassError as error:
            self.fail(error)
            raise

    def _whole(self, body: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        return {**self.always, **body} if self.always else body

    def fail(self, error: BreakglassError) -> None:
        """Take no more records, because one could not even be made."""
        self.failure = self.failure or error

    def is_broken(self) -> bool:
        """Whether nothing more can be recorded, as far as anybody has noticed: a worker may have, before it died."""
        with suppress(BreakglassError):
            self._stream.sync()
            return self.failure is not None
        return True

    def learn_secrets(self) -> bool:
        """Mask the grant's token and the secrets of its credentials literally from now on, as soon as there are any.

        Returns whether anything of the run's grant may have changed.
        """
        if not self.held.look():
            return False
        if hidden := self.held.secrets - self._known:
            self.redactor.learn(sorted(hidden))
            tell_core(hidden)
            self._known |= hidden
        return True

    def close(self) -> None:
        """Let go of the stream."""
        self._over.set()
        with suppress(BreakglassError):
            self._stream.close()

    def _sync_when_idle(self) -> None:
        try:
            while not self._over.wait(IDLE_SECONDS):
                self._stream.sync()
        except BreakglassError as error:
            self.fail(error)
