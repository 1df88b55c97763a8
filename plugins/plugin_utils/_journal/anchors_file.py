# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors in a file, for whoever verifies a journal without Vault: one JSON object, origin to size and signed note.

A checkpoint's signature makes a forged line useless; what the file must be kept safe from is being set back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import durable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .anchor import Anchors

_MAX_SIZE = 1024 * 1024 * 1024


class UnusableAnchors(BreakglassError):
    """Raised when a file of anchors can't be read or written, or does not hold anchors."""


class KeptAnchors:
    """Anchors that were read from a file."""

    def __init__(self, kept: Mapping[str, tuple[int, str]]) -> None:
        """Take size and note of each origin."""
        self._kept = dict(kept)

    @classmethod
    def load(cls, path: Path) -> KeptAnchors:
        """Read a file.

        Raises:
            UnusableAnchors: it can't be read, or holds something else.
        """
        try:
            with path.open("rb") as file:
                content = json.loads(file.read(_MAX_SIZE))
            kept = {origin: (entry["size"], entry["note"]) for origin, entry in content.items()}
        except OSError as error:
            raise UnusableAnchors(f"The anchors can't be read from {path}: {error.strerror}.") from error
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise UnusableAnchors(f"{path} does not hold anchors. Write it anew with --save-anchors.") from error
        if not all(
            isinstance(size, int) and not isinstance(size, bool) and size >= 0 and isinstance(note, str)
            for size, note in kept.values()
        ):
            raise UnusableAnchors(f"{path} does not hold anchors. Write it anew with --save-anchors.")
        return cls(kept)

    def put(self, origin: str, size: int, note: str) -> None:
        """Refuse: a file is no place that notes can't be taken from."""
        raise UnusableAnchors(f"The anchor of {origin} at {size} can't be kept in a file ({len(note)} characters).")

    def newest(self, origin: str) -> tuple[int, str] | None:
        """Return size and note of the anchor of a stream; None when the file has none."""
        return self._kept.get(origin)


class RememberedAnchors:
    """Other anchors, of which everything that was asked for can be saved."""

    def __init__(self, anchors: Anchors) -> None:
        """Ask these."""
        self._anchors = anchors
        self._asked: dict[str, tuple[int, str]] = {}

    def put(self, origin: str, size: int, note: str) -> None:
        """Keep a checkpoint where the others keep it."""
        self._anchors.put(origin, size, note)

    def newest(self, origin: str) -> tuple[int, str] | None:
        """Ask, and remember the answer."""
        anchored = self._anchors.newest(origin)
        if anchored is not None:
            self._asked[origin] = anchored
        return anchored

    def save(self, path: Path) -> None:
        """Write the answers to a file (0600), in the place of an older one. When this returns, they are on the disk.

        Raises:
            UnusableAnchors: the system refuses.
        """
        content = {origin: {"note": note, "size": size} for origin, (size, note) in sorted(self._asked.items())}
        try:
            durable.replace(path, json.dumps(content, indent=1).encode() + b"\n")
        except OSError as error:
            raise UnusableAnchors(f"The anchors can't be written to {path}: {error.strerror}.") from error
