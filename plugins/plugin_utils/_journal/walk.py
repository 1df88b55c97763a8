# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the lines of one stream, compared with what checkpoints, anchor and ledger say of it.

Pure: lines and claims go in, findings come out. Rules:

- every line is the record that its place asks for (`links.py`);
- at each claimed size the RFC 6962 root over the lines is the claimed one;
- no claim counts more records than there are, and a sealed stream has exactly as many as its last seal says;
- bytes after the last newline are a dead writer's, unless a claim counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .findings import Finding, FindingKind, Remark
from .intents import Intents
from .links import Links
from .merkle import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence


class Source(Enum):
    """Who claims something about a stream."""

    CHECKPOINT = "the signed checkpoint"
    ANCHOR = "the anchor"
    SEAL = "the ledger's seal"


@dataclass(frozen=True)
class Claim:
    """That a stream had `size` records with this root."""

    source: Source
    size: int
    root: bytes
    key_name: str = ""
    """The key that signed it; empty for a seal."""

    def __str__(self) -> str:
        """Name the claim."""
        return f"{self.source.value} at {self.size}"


@dataclass(frozen=True)
class Outcome:
    """What one pass found."""

    records: int
    agreeing: tuple[Claim, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()
    """Tasks without a result, so far."""


class Walk:
    """The pass. Feed it each line, then finish it."""

    def __init__(self, origin: str | None, claims: Sequence[Claim], sealed_size: int | None) -> None:
        """Start before the first line.

        Args:
            origin: what the ledger calls the stream; None when only the stream itself can tell.
            claims: what is said of it.
            sealed_size: its number of records, when the ledger says that it is complete.
        """
        self._claims = sorted(claims, key=lambda claim: claim.size)
        self._sealed_size = sealed_size
        self._tree = Tree()
        self._tree_before = Tree()
        self._roots: dict[int, bytes] = {0: self._tree.root()}
        self._sizes = {claim.size for claim in claims}
        self._links = Links(origin)
        self._intents = Intents()

    def feed(self, line: bytes) -> None:
        """Take the next line, without its newline."""
        self._links.feed(line)
        self._intents.take((line,), self._links.expected - 1)
        if self._links.is_in_doubt:
            self._tree_before = self._tree.copy()
        self._tree.add(line)
        if self._tree.size in self._sizes:
            self._roots[self._tree.size] = self._tree.root()

    def finish(self, torn: bytes) -> Outcome:
        """Return what was found; `torn` is what stands after the last newline."""
        agreeing = tuple(claim for claim in self._claims if self._roots.get(claim.size) == claim.root)
        self._settle_last_doubt(agreeing)
        broken = self._links.finish()
        findings = [*broken, *self._disagreement(agreeing, broken), *self._shortness()]
        if not broken:
            findings += self._length(torn)
        return Outcome(self._tree.size, agreeing, tuple(findings), self._intents.remarks())

    def _settle_last_doubt(self, agreeing: Sequence[Claim]) -> None:
        """The link of the very last line does not fit: a root up to the line before, or over all lines, tells why."""
        if not self._links.is_in_doubt:
            return
        if any(claim.size >= self._tree.size - 1 for claim in agreeing):
            self._links.blame_newest()
            return
        roots = {claim.root for claim in self._claims if claim.size == self._tree.size}
        if roots:
            self._tree_before.add(self._links.mended())
            self._links.blame_newest() if self._tree_before.root() in roots else self._links.blame_before()

    def _disagreement(self, agreeing: Sequence[Claim], broken: Sequence[Finding]) -> list[Finding]:
        first_broken = min((finding.record or 0 for finding in broken), default=None)
        present = (claim for claim in self._claims if claim.size <= self._tree.size and claim not in agreeing)
        unexplained = [claim for claim in present if first_broken is None or first_broken > claim.size]
        if not unexplained:
            return []
        claim = unexplained[0]
        good = [other.size for other in agreeing]
        if claim.source is not Source.SEAL and any(size >= claim.size for size in good):
            later = next(other for other in agreeing if other.size >= claim.size)
            text = f"{claim} does not belong to these records, and {later} does: there are two histories"
            return [Finding(FindingKind.FORKED, text, None)]
        first = max((size for size in good if size < claim.size), default=0) + 1
        text = f"{claim} has another root: the last of them was edited, or several were written anew with their links"
        return [Finding(FindingKind.REWRITTEN, text, min(first, claim.size) or None, claim.size or None)]

    def _shortness(self) -> list[Finding]:
        last = self._links.expected - 1
        longer = [claim for claim in self._claims if claim.size > last]
        if not longer:
            return []
        claim = longer[-1]
        only_anchor = all(other.source is Source.ANCHOR for other in longer)
        kind = FindingKind.ROLLED_BACK if only_anchor else FindingKind.TRUNCATED
        return [
            Finding(kind, f"the stream ends with record {last}, but {claim} counts {claim.size}", last + 1, claim.size)
        ]

    def _length(self, torn: bytes) -> list[Finding]:
        size = self._tree.size
        if self._sealed_size is not None and (size > self._sealed_size or (torn and size == self._sealed_size)):
            text = f"the ledger sealed the stream with {self._sealed_size} records; this was added afterwards"
            return [Finding(FindingKind.EXTENDED, text, self._sealed_size + 1, max(size, self._sealed_size + 1))]
        if torn and size >= max(self._sizes, default=0):
            text = "the last line has no end: its writer died, or is writing now; it was never acknowledged"
            return [Finding(FindingKind.TORN, text, size + 1)]
        return []
