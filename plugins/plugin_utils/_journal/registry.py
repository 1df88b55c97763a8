# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of each stream, gathered from its records. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ledger import ABSENT, ANNOUNCED, SEALED
from .walk import Claim, Source

if TYPE_CHECKING:
    from .record import JsonValue, Record


@dataclass
class Entry:
    """One stream, as far as the ledger has been read."""

    origin: str | None = None
    """The name that its records must have."""
    seals: list[Claim] = field(default_factory=list)
    """Every seal that it ever had: a resumed stream must still agree with its earlier ones."""
    checkpoints: frozenset[int] = frozenset()
    """Sizes of the checkpoints that the last seal names."""
    is_open: bool = True
    is_absent: bool = False

    @property
    def sealed_size(self) -> int | None:
        """The number of records that it must have; None while it may grow."""
        return None if self.is_open or not self.seals else self.seals[-1].size


class Registry:
    """All streams that the ledger names."""

    def __init__(self) -> None:
        """Start before the ledger's first record."""
        self.entries: dict[str, Entry] = {}
        """By path, relative to the journal's directory, as the ledger spells it."""

    def take(self, record: Record) -> None:
        """Take the ledger's next record; what is not about a stream says nothing here."""
        name = record.body.get("stream")
        if not isinstance(name, str):
            return
        if record.kind == ANNOUNCED:
            self._announce(name, record.body.get("origin"))
        elif record.kind == SEALED:
            self._seal(self.entries.setdefault(name, Entry()), record)
        elif record.kind == ABSENT:
            self.entries.setdefault(name, Entry()).is_absent = True

    def _announce(self, name: str, origin: JsonValue) -> None:
        entry = self.entries.setdefault(name, Entry())
        if entry.origin is None and isinstance(origin, str):
            entry.origin = origin
        entry.is_open, entry.is_absent = True, False

    def _seal(self, entry: Entry, record: Record) -> None:
        size, root, sizes = (record.body.get(part) for part in ("size", "root", "checkpoints"))
        if isinstance(size, int) and isinstance(root, str):
            try:
                entry.seals.append(Claim(Source.SEAL, size, bytes.fromhex(root)))
            except ValueError:
                return
            entry.is_open, entry.is_absent = False, False
        if isinstance(sizes, list):
            entry.checkpoints = frozenset(number for number in sizes if isinstance(number, int))
