# SPDX-License-Identifier: GPL-3.0-or-later
"""How far one sink has got in a journal. Pure: what was settled goes in, what comes next is known.

The ledger leads: a stream is followed from the moment that the sink has the record that announces it, and no longer
when it has everything that the record which seals it counts. So the cursor grows with the streams that are open, not
with the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

from .._journal.ledger import ABSENT, ANNOUNCED, ARCHIVED, SEALED
from .._journal.ledger import NAME as LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._journal.record import Record

NO_CHECKPOINT = -1
"""Stands where the size of a checkpoint would; a stream without records may have one of size 0."""
KEPT_FINISHED = 1000
"""Streams that are over and whose place is still known, in case that they are resumed."""


@dataclass(frozen=True)
class Position:
    """A place in one stream: everything before it is settled, which is acknowledged or in the dead-letter stream."""

    offset: int = 0
    """Bytes of its file."""
    seq: int = 0
    """Lines of its file."""
    checkpoint: int = NO_CHECKPOINT
    """The size that the newest settled checkpoint counts."""


@dataclass(frozen=True)
class Followed:
    """A stream that more may come of."""

    position: Position = Position()
    sealed_size: int | None = None
    """How many records it has, once the ledger has sealed it."""
    last_checkpoint: int = NO_CHECKPOINT
    """The newest checkpoint that the seal names."""

    @property
    def is_over(self) -> bool:
        """Whether the sink has all that the seal speaks of."""
        if self.sealed_size is None:
            return False
        return self.position.seq >= self.sealed_size and self.position.checkpoint >= self.last_checkpoint


class Cursor:
    """One sink's progress.

    Attributes:
        ledger: The place in the ledger.
        followed: Streams that more may come of, by path as the ledger spells it.
        finished: Places of the streams that ended last, oldest first.
        shipped: Records that the sink has acknowledged.
        refused: Records that went to the dead-letter stream.
    """

    def __init__(self) -> None:
        self.ledger = Position()
        self.followed: dict[str, Followed] = {}
        self.finished: dict[str, Position] = {}
        self.shipped = 0
        self.refused = 0

    def positions(self) -> Iterator[tuple[str, Position]]:
        """Every stream to look at, the ledger first."""
        yield LEDGER, self.ledger
        for name, followed in self.followed.items():
            yield name, followed.position

    def settle(self, stream: str, position: Position, record: Record | None) -> None:
        """Go on to a place; `record` is what stands before it, if it could be read."""
        if stream == LEDGER:
            self.ledger = position
            if record is not None:
                self._learn(record)
        elif stream in self.followed:
            self._follow(stream, replace(self.followed[stream], position=position))

    def forget(self, stream: str) -> None:
        """Follow a stream no longer: its file is gone."""
        self.followed.pop(stream, None)

    def _learn(self, record: Record) -> None:
        stream = record.body.get("stream")
        if not isinstance(stream, str) or stream == LEDGER:
            return
        if record.kind == ANNOUNCED:
            known = self.followed.get(stream)
            place = known.position if known else self.finished.pop(stream, Position())
            self.followed[stream] = Followed(place)
        elif record.kind == SEALED and stream in self.followed:
            self._seal(stream, record)
        elif record.kind in {ABSENT, ARCHIVED}:
            self.forget(stream)

    def _seal(self, stream: str, record: Record) -> None:
        size, checkpoints = record.body.get("size"), record.body.get("checkpoints")
        sizes = [one for one in checkpoints if _is_size(one)] if isinstance(checkpoints, (list, tuple)) else []
        if _is_size(size):
            known = self.followed[stream]
            self._follow(stream, replace(known, sealed_size=size, last_checkpoint=max(sizes, default=NO_CHECKPOINT)))

    def _follow(self, stream: str, followed: Followed) -> None:
        if not followed.is_over:
            self.followed[stream] = followed
            return
        self.forget(stream)
        self.finished[stream] = followed.position
        while len(self.finished) > KEPT_FINISHED:
            self.finished.pop(next(iter(self.finished)))


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
