# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrapped grants on their way from minting to the play: in memory only, since secrets are never rows or documents."""

from __future__ import annotations

import threading


class Handover:
    """Wrapping tokens by incident and attempt; each is taken once. A restart loses them, and Vault ends what they hold."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, int], str] = {}
        self._accessors: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()

    def put(self, incident: str, attempt: int, token: str, accessor: str = "") -> None:
        """Keep the token of an attempt until its play starts."""
        with self._lock:
            self._tokens[incident, attempt] = token
            self._accessors[incident, attempt] = accessor

    def take(self, incident: str, attempt: int) -> str | None:
        """The token, once; None if this process never had it."""
        with self._lock:
            self._accessors.pop((incident, attempt), None)
            return self._tokens.pop((incident, attempt), None)

    def left_over(self, incident: str, attempt: int) -> str:
        """Accessor of a grant that was minted for the attempt and never used, or empty: its minting was not recorded."""
        with self._lock:
            return self._accessors.get((incident, attempt), "")
