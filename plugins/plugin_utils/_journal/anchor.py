# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors: the newest checkpoints, kept where whoever can write the journal can't change them."""

from __future__ import annotations

from typing import Protocol


class Anchors(Protocol):
    """A place that notes can be added to and never taken from, such as create-only paths in Vault's KV.

    Whoever implements it raises only errors that derive from BreakglassError.
    """

    def put(self, origin: str, size: int, note: str) -> None:
        """Keep a checkpoint's note; when this returns, it is kept. The same note again is fine, another one is refused."""

    def newest(self, origin: str) -> tuple[int, str] | None:
        """Return size and note of the largest checkpoint kept for a stream; None when there is none."""


class NoAnchors:
    """Nowhere, for journals that no Vault signs: their checkpoints are kept apart by the sinks, which get each of them."""

    def put(self, origin: str, size: int, note: str) -> None:
        """Keep nothing."""

    def newest(self, _origin: str) -> tuple[int, str] | None:
        """There is none."""
        return None
