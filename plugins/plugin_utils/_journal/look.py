# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at whole streams quickly: cut into stretches, skimmed in several processes, and put together again.

What comes out is an outcome without findings, or None, which asks for the close look of `walk.py`. So a fault is always
told by the same code, however fast the rest was.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import TYPE_CHECKING

from .journal_files import open_plain
from .merkle import Span
from .record import GENESIS, MAX_LINE
from .skim import Skimmed, Stretch, skim
from .walk import Claim, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

STRETCH = 16 * 1024 * 1024
"""Bytes that one process looks at before it is given others."""
SMALL = 32 * 1024
"""Bytes of a stream that are looked at sooner than they are handed over."""
FEW = 8 * 1024 * 1024
"""Bytes of a journal that are looked at sooner than processes are started."""


class Lookers(AbstractContextManager["Lookers"]):
    """Processes that skim; they are started when there is something large enough for them."""

    def __init__(self, workers: int) -> None:
        """Use so many processes; with one, everything is done in this one."""
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._bytes = 0

    def begin(
        self, path: Path, origin: str, claims: Sequence[Claim], sealed_size: int | None
    ) -> Callable[[], Outcome | None]:
        """Begin to look at a stream; what is returned waits for the outcome, which is None when it needs a closer look."""
        sizes = tuple(sorted({claim.size for claim in claims}))
        stretches = _stretches(path, origin, sizes)
        answers = [self._skim(stretch) for stretch in stretches]

        def outcome() -> Outcome | None:
            try:
                return _outcome([answer() for answer in answers], claims, sealed_size)
            except (BrokenExecutor, RecursionError):  # a process was killed, or met what it could not hand over
                return None

        return outcome

    def _skim(self, stretch: Stretch) -> Callable[[], Skimmed | None]:
        size = stretch.end - stretch.start
        self._bytes += size
        if self._workers == 1 or size < SMALL or self._bytes < FEW:
            skimmed = skim(stretch)
            return lambda: skimmed
        self._pool = self._pool or ProcessPoolExecutor(self._workers, multiprocessing.get_context("fork"))
        return self._pool.submit(skim, stretch).result

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _stretches(path: Path, origin: str, sizes: tuple[int, ...]) -> list[Stretch]:
    """Cut a stream's file at ends of lines; nothing for a file that has no end of a line where it should."""
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            cuts = [0]
            while cuts[-1] < size:
                file.seek(cuts[-1] + STRETCH)
                file.readline(MAX_LINE)
                cuts.append(min(file.tell(), size))
    except OSError:
        return []
    return [Stretch(path, start, end, origin, sizes) for start, end in pairwise(cuts)]


def _outcome(parts: Sequence[Skimmed | None], claims: Sequence[Claim], sealed_size: int | None) -> Outcome | None:
    """Put stretches together; None unless each follows the one before and everything that is claimed is so."""
    first = parts[0] if parts else None
    if first is None:
        return None
    whole, intents, digest = Span(0), first.intents, GENESIS
    roots = {0: whole.root()}
    for part in parts:
        if part is None or (part.first, part.previous) != (whole.end + 1, digest):
            return None
        for size, span in part.spans.items():
            upto = whole.copy()
            upto.join(span)
            roots[size] = upto.root()
        whole.join(part.span)
        digest = part.digest
        if part is not first:
            intents.join(part.intents)
    if any(roots.get(claim.size) != claim.root for claim in claims) or sealed_size not in {None, whole.end}:
        return None
    agreeing = tuple(sorted(claims, key=lambda claim: claim.size))
    return Outcome(whole.end, agreeing, (), intents.remarks())
