# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verifier says: findings about streams, and the report that they add up to. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """What is known of a stream, or of a whole journal."""

    INTACT = "intact"
    UNCHECKED = "unchecked"
    CHANGED = "changed"


class FindingKind(Enum):
    """What can be wrong."""

    EDITED = "edited"
    MISSING = "missing"
    INSERTED = "inserted"
    MOVED = "moved"
    DUPLICATED = "duplicated"
    TRUNCATED = "truncated"
    EXTENDED = "extended"
    REWRITTEN = "rewritten"
    FORKED = "forked"
    ROLLED_BACK = "rolled-back"
    BROKEN_CHECKPOINT = "broken-checkpoint"
    MISSING_CHECKPOINT = "missing-checkpoint"
    STRAY_CHECKPOINT = "stray-checkpoint"
    MISSING_STREAM = "missing-stream"
    UNNAMED_STREAM = "unnamed-stream"
    MISSING_LEDGER = "missing-ledger"
    TORN = "torn"
    UNKNOWN_KEY = "unknown-key"
    UNSIGNED = "unsigned"
    NO_KEYS = "no-keys"
    UNANCHORED = "unanchored"
    UNREADABLE = "unreadable"


_UNCHECKED = frozenset(
    {
        FindingKind.TORN,
        FindingKind.UNKNOWN_KEY,
        FindingKind.UNSIGNED,
        FindingKind.NO_KEYS,
        FindingKind.UNANCHORED,
        FindingKind.UNREADABLE,
    }
)
_GAPS = frozenset(
    {FindingKind.MISSING, FindingKind.TRUNCATED, FindingKind.ROLLED_BACK, FindingKind.MISSING_STREAM, FindingKind.TORN}
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or could not be checked."""

    kind: FindingKind
    text: str
    """What was seen, in words; may quote records, so it is escaped when it is shown."""
    record: int | None = None
    """The number of the first bad record."""
    until: int | None = None
    """The number of the last record that it may be about, when that is another one."""
    about: str = ""
    """What the record was, as far as it can still be read."""
    record_id: str = ""
    """The id to look for in a sink."""

    @property
    def state(self) -> State:
        """What this finding makes of its stream."""
        return State.UNCHECKED if self.kind in _UNCHECKED else State.CHANGED

    @property
    def is_gap(self) -> bool:
        """Tell whether something is gone."""
        return self.kind in _GAPS


@dataclass(frozen=True)
class Remark:
    """What a sealed stream itself says was left open: a task that was begun, and no result of it was recorded."""

    record: int
    """The number of the record that announced it."""
    about: str
    """Task and host; quotes the record, so it is escaped when it is shown."""


@dataclass(frozen=True)
class StreamReport:
    """What is known of one stream."""

    path: str
    """Relative to the journal's directory."""
    records: int
    """Whole lines that were read."""
    signed_at: tuple[tuple[int, str], ...]
    """Size and key name of each signed checkpoint that agrees with the records."""
    is_sealed: bool
    """Whether the ledger says that the stream is complete; an open stream may still grow."""
    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()
    """Tasks whose outcome is unknown; only of a sealed stream, in which no result can follow any more."""

    @property
    def state(self) -> State:
        """The worst of the findings."""
        return worst(self.findings)


@dataclass(frozen=True)
class AnchorReport:
    """What the anchors said."""

    checked: bool
    reason: str
    """Why they were not checked; empty when they were."""
    equal: int = 0
    """Streams whose newest checkpoint is the anchored one."""
    behind: int = 0
    """Streams that have a newer checkpoint than the anchored one, with which they agree."""
    absent: int = 0
    """Streams with a signed checkpoint and no anchor."""


@dataclass(frozen=True)
class Report:
    """What the verifier knows of a journal."""

    directory: str
    streams: tuple[StreamReport, ...]
    """The ledger first, then by path."""
    findings: tuple[Finding, ...]
    """About the journal as a whole."""
    anchors: AnchorReport
    archived: int = 0
    """Streams that the ledger says were moved to another journal, and that are not here."""

    @property
    def verdict(self) -> State:
        """The worst of everything."""
        return worst([*self.findings, *(finding for stream in self.streams for finding in stream.findings)])

    @property
    def records(self) -> int:
        """Records in all streams."""
        return sum(stream.records for stream in self.streams)

    @property
    def checkpoints(self) -> int:
        """Signed checkpoints that agree with their records."""
        return sum(len(stream.signed_at) for stream in self.streams)

    @property
    def gaps(self) -> int:
        """Findings that say that something is gone."""
        everything = [*self.findings, *(finding for stream in self.streams for finding in stream.findings)]
        return sum(finding.is_gap for finding in everything)


def worst(findings: tuple[Finding, ...] | list[Finding]) -> State:
    """Return what a number of findings amount to."""
    states = {finding.state for finding in findings}
    if State.CHANGED in states:
        return State.CHANGED
    return State.UNCHECKED if State.UNCHECKED in states else State.INTACT
