# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick look at a stretch of a stream: is each line what its place asks for?

It says yes or no. Where it says no, or where stretches do not meet, `walk.py` looks closely and says what was done.

Canonical records end with origin, link and number, so the chain needs no JSON: an ending is compared with the one that
is expected. Bytes up to the largest claimed size are vouched for by a root; lines after it are read in full.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO

from .canonical import canonical
from .intents import Intents
from .journal_files import open_plain
from .merkle import Span
from .record import MAX_LINE, BrokenRecord, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BEGINNING = b'{"at":"'
_ENDING = re.compile(rb'"previous":"([0-9a-f]{64})","seq":([1-9][0-9]{0,15})}\Z')
_LONGEST_ENDING = 120
_BLOCK = 512 * 1024


@dataclass(frozen=True)
class Stretch:
    """Whole lines of one stream, to be looked at."""

    path: Path
    start: int
    """Offset of the first byte."""
    end: int
    """Offset after the last newline."""
    origin: str
    """The stream's name."""
    sizes: tuple[int, ...]
    """Where a root is wanted, ascending: the numbers of records that somebody claims one for."""


@dataclass(frozen=True)
class Skimmed:
    """A stretch in which every line fits."""

    first: int
    """The number of its first record."""
    previous: str
    """What that record names as the line before it."""
    digest: str
    """The hash of the last line."""
    span: Span
    """Its leaves."""
    spans: dict[int, Span]
    """Its leaves up to each wanted size."""
    intents: Intents
    """What was begun and not ended in it."""


def skim(stretch: Stretch) -> Skimmed | None:
    """Look at a stretch; None when something in it needs a closer look."""
    try:
        with open_plain(stretch.path) as file:
            return _skim(file, stretch)
    except (OSError, _Unfit):
        return None


class _Unfit(Exception):
    """Something needs a closer look."""


def _skim(file: BinaryIO, stretch: Stretch) -> Skimmed | None:
    state: _State | None = None
    file.seek(stretch.start)
    for lines in _blocks(file, stretch.end - stretch.start):
        state = state or _State(stretch, lines[0])
        state.take(lines)
    return None if state is None else state.skimmed()


class _State:
    def __init__(self, stretch: Stretch, line: bytes) -> None:
        match = _ENDING.search(line[-_LONGEST_ENDING:])
        if match is None:
            raise _Unfit
        self._previous, self._first = match[1].decode(), int(match[2])
        self._digest = self._previous
        self._span = Span(self._first - 1)
        self._spans: dict[int, Span] = {}
        self._intents = Intents()
        self._sizes = stretch.sizes
        self._covered = max(stretch.sizes, default=0)
        self._ending = f',"origin":{canonical(stretch.origin).decode()},"previous":"'

    def take(self, lines: Sequence[bytes]) -> None:
        number = self._span.end + 1
        digests = [sha256(line).hexdigest() for line in lines]
        ending = self._ending
        endings = [
            f'{ending}{link}","seq":{at}}}'.encode() for at, link in enumerate([self._digest, *digests[:-1]], number)
        ]
        if not (
            all(map(bytes.endswith, lines, endings)) and {line[: len(_BEGINNING)] for line in lines} == {_BEGINNING}
        ):
            raise _Unfit
        self._read_uncovered(lines[max(0, self._covered - number + 1) :])
        self._digest = digests[-1]
        self._intents.take(lines, number)
        self._extend(lines)

    def skimmed(self) -> Skimmed:
        return Skimmed(self._first, self._previous, self._digest, self._span, self._spans, self._intents)

    def _extend(self, lines: Sequence[bytes]) -> None:
        start = self._span.end
        done = 0
        low, high = bisect_right(self._sizes, start), bisect_right(self._sizes, start + len(lines))
        for size in self._sizes[low:high]:
            self._span.extend(lines[done : size - start])
            done = size - start
            self._spans[size] = self._span.copy()
        self._span.extend(lines[done:])

    @staticmethod
    def _read_uncovered(lines: Sequence[bytes]) -> None:
        try:
            for line in lines:
                parse(line)
        except BrokenRecord as error:
            raise _Unfit from error  # pylint: disable=bad-exception-cause


def _blocks(file: BinaryIO, left: int) -> Iterator[list[bytes]]:
    """Yield the lines of the next bytes, some at a time, without newlines; the bytes must end with one."""
    held = b""
    while left:
        block = file.read(min(_BLOCK, left))
        if not block:
            raise _Unfit
        left -= len(block)
        *lines, held = (held + block).split(b"\n")
        if len(held) > MAX_LINE:
            raise _Unfit
        if lines:
            yield lines
    if held:
        raise _Unfit
