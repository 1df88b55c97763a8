# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of each stream, gathered from its records. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ledger import ABSENT, ANNOUNCED, ARCHIVED, NAME, SEALED
from .walk import Claim, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from .record import JsonValue, Record

_ROOT = re.compile(r"[0-9a-f]{64}")


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
    is_archived: bool = False
    """It was moved to another journal; while it is here, too, it must be what was sealed."""

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
        """Take the ledger's next record; what is not about a stream, or not as the writer writes it, says nothing here."""
        name = record.body.get("stream")
        if not isinstance(name, str) or name == NAME:
            return
        entry = self.entries.get(name) or Entry()
        if _is_taken(entry, record.kind, record.body):
            self.entries[name] = entry


def _is_taken(entry: Entry, kind: str, body: Mapping[str, JsonValue]) -> bool:
    """Take what a record says; tell whether it says something."""
    if kind == ANNOUNCED:
        return _announce(entry, body.get("origin"))
    if kind == SEALED:
        return _seal(entry, body.get("size"), body.get("root"), body.get("checkpoints"))
    # Whoever removes a stream would like to say one of these: what was sealed was there, and only that can be moved.
    if kind == ABSENT and not entry.seals:
        entry.is_absent = True
        return True
    if kind == ARCHIVED and entry.sealed_size is not None:
        entry.is_archived = True
        return True
    return False


def _announce(entry: Entry, origin: JsonValue) -> bool:
    if not (isinstance(origin, str) and origin):
        return False
    entry.origin = entry.origin or origin
    entry.is_open, entry.is_absent, entry.is_archived = True, False, False
    return True


def _seal(entry: Entry, size: JsonValue, root: JsonValue, sizes: JsonValue) -> bool:
    if not (_is_number(size) and isinstance(root, str) and _ROOT.fullmatch(root)):
        return False
    if not (isinstance(sizes, list) and all(map(_is_number, sizes))):
        return False
    entry.seals.append(Claim(Source.SEAL, size, bytes.fromhex(root)))
    entry.checkpoints = frozenset(number for number in sizes if _is_number(number))
    entry.is_open, entry.is_absent, entry.is_archived = False, False, False
    return True


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
