# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run holds: its grant and its credentials, read anew from its directory whenever something there has changed."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .._credential.wallet import credentials_of, masked_of
from .._errors import BreakglassError

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._run.directory import RunDirectory

SETTLED_NANOSECONDS = 100_000_000
"""A file system's clock ticks coarsely: what changed a moment ago may have changed again without showing it."""
_NEVER = -1


class Held:
    """The grant and the credentials of a run.

    Attributes:
        fields: What a task's intent says of them: the accessor of the grant, the ids of the credentials.
        secrets: Their secrets, to be masked.
    """

    def __init__(self, run: RunDirectory, accessor: str) -> None:
        """Begin with what a runner said of the grant: its accessor, or nothing."""
        self._run = run
        self._accessor = accessor
        self._place = str(run.root)
        self._seen = _NEVER
        self.fields: dict[str, JsonValue] = {"grant": accessor} if accessor else {}
        self.secrets: frozenset[str] = frozenset()

    def look(self) -> bool:
        """Read what has changed; True if anything may have. This is asked after each task of each host."""
        stamp = _stamp(self._place)
        if stamp == self._seen:
            return False
        self._seen = _NEVER
        with suppress(BreakglassError):
            self._read()
            is_old = stamp < time.time_ns() - SETTLED_NANOSECONDS
            self._seen = stamp if is_old and stamp == _stamp(self._place) else _NEVER
        return True

    def _read(self) -> None:
        secrets = set(masked_of(self._run))
        with suppress(OSError):
            secrets.add(self._run.token.read_text(encoding="utf-8"))
        grant = self._run.read_json(self._run.grant) or {}
        accessor = str(grant.get("accessor") or self._accessor)
        credentials: list[JsonValue] = [credential.id for credential in credentials_of(self._run)]
        fields: dict[str, JsonValue] = {"grant": accessor} if accessor else {}
        if credentials:
            fields["credentials"] = credentials
        self.fields, self.secrets = fields, frozenset(secrets)


def _stamp(place: str) -> int:
    """When anything was written into the run's directory or removed from it."""
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 (a Path costs ten times the time)
    except OSError:
        return 0
