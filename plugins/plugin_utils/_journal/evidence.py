# SPDX-License-Identifier: GPL-3.0-or-later
"""What is claimed about a stream from outside its own file: by the checkpoints beside it, and by its anchor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .checkpoint import BrokenCheckpoint, UnsignedCheckpoint, open_signed
from .findings import AnchorReport, Finding, FindingKind
from .walk import Claim, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .anchor import Anchors
    from .public_key import PublicKey


@dataclass
class Evidence:
    """Claims about one stream that a known key has signed, and what is wrong with the others."""

    origin: str | None = None
    """The stream's name: as the ledger announced it, else as its first good checkpoint says."""
    claims: list[Claim] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def take(self, source: Source, size: int, note: str, keys: Sequence[PublicKey]) -> None:
        """Take one note, which must be about this stream at this size."""
        name = f"{source.value} at {size}"
        try:
            checkpoint, key = open_signed(note, keys)
        except UnsignedCheckpoint as error:
            if keys:
                self.findings.append(Finding(FindingKind.UNKNOWN_KEY, f"{name} proves nothing. {error}"))
            return
        except BrokenCheckpoint as error:
            self.findings.append(Finding(FindingKind.BROKEN_CHECKPOINT, f"{name} was changed. {error}"))
            return
        if checkpoint.size != size or self.origin not in {None, checkpoint.origin}:
            text = f"{name} is another one: of the stream {checkpoint.origin}, at {checkpoint.size}"
            self.findings.append(Finding(FindingKind.BROKEN_CHECKPOINT, text))
            return
        self.origin = checkpoint.origin
        self.claims.append(Claim(source, checkpoint.size, checkpoint.root, key.name))

    def expect(self, named: Iterable[int], there: Iterable[int]) -> None:
        """Miss the checkpoints that the ledger's seal names and that are not beside the stream."""
        for size in sorted(set(named) - set(there)):
            text = f"the checkpoint at {size}, which the ledger's seal names, is gone"
            self.findings.append(Finding(FindingKind.MISSING_CHECKPOINT, text))


class AnchorQuestions:
    """Asks the anchors about one stream after another, until they fail once."""

    def __init__(self, anchors: Anchors | None) -> None:
        """Take the anchors; None when nobody wants them asked."""
        self._anchors = anchors
        self._reason = "" if anchors is not None else "offline"
        self._failed = False
        self._equal = self._behind = self._absent = 0

    def ask(self, evidence: Evidence, keys: Sequence[PublicKey]) -> None:
        """Add what the anchor of a stream claims to its evidence."""
        if self._anchors is None or evidence.origin is None:
            return
        try:
            anchored = self._anchors.newest(evidence.origin)
        except BreakglassError as error:
            self._anchors, self._reason, self._failed = None, str(error), True
            return
        newest = max((claim.size for claim in evidence.claims), default=None)
        if anchored is None:
            self._absent += newest is not None
            return
        evidence.take(Source.ANCHOR, *anchored, keys)
        self._equal += anchored[0] == newest
        self._behind += newest is not None and anchored[0] < newest

    def report(self) -> AnchorReport:
        """Return what came of it."""
        return AnchorReport(not self._reason, self._reason, self._equal, self._behind, self._absent)

    def findings(self) -> list[Finding]:
        """Return what could not be checked; anchors that nobody wanted asked are no finding."""
        if self._failed:
            return [Finding(FindingKind.UNREADABLE, f"The anchors could not be read: {self._reason}")]
        if not self._reason and self._absent and not self._equal + self._behind:
            return [Finding(FindingKind.UNANCHORED, "No checkpoint of this journal has an anchor.")]
        return []
