# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a chain that somebody may have broken: which record is the first bad one, and what was done to it?

The writer's `Chain` stops at the first fault. This one goes on, because each line names the one before it:

- number and link as expected: intact;
- number as expected, link not: this record or the one before was edited; the next record's link tells which;
- link as expected, number not: this record was edited;
- a higher number: records are missing; a lower one: a record was repeated, moved or inserted.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canonical import canonical
from .findings import Finding, FindingKind
from .record import GENESIS, BrokenRecord, Record, digest, parse

MAX_FINDINGS = 20
"""Findings that are told for one stream; what follows the first is often its echo."""

_BEGINNING = b'{"at":"'


@dataclass(frozen=True)
class _Doubt:
    """A record whose link does not fit, until the next record tells which of two is to blame."""

    number: int
    says: str
    was: str
    before: bytes
    itself: bytes


class Links:
    """The state of reading one stream, line by line."""

    def __init__(self, origin: str | None) -> None:
        """Start before the first line of the stream of this name; None when only its first record can tell it."""
        self.findings: list[Finding] = []
        self.expected = 1
        """The number that the next record should have."""
        self._lines = 0
        self._digest = GENESIS
        self._digest_before = GENESIS
        self._newest = b""
        self._doubt: _Doubt | None = None
        self._shaken = False
        self._missing: list[tuple[int, int]] = []
        self._origin = origin
        self._origin_field = b"" if origin is None else canonical(origin)

    def feed(self, line: bytes) -> None:
        """Take the next line, without its newline."""
        self._lines += 1
        if self._doubt is None and not self._shaken and self._is_next(line):
            self._accept(line, self.expected)
        else:
            self._examine(line)

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether the newest line's link does not fit, and no line after it has told yet whose fault that is."""
        return self._doubt is not None

    def mended(self) -> bytes:
        """Return the newest line as it would be with the link that fits; only while in doubt."""
        if self._doubt is None:
            return self._newest
        return self._newest.replace(self._doubt.says.encode(), self._doubt.was.encode())

    def blame_newest(self) -> None:
        """Settle the doubt: the newest line was edited."""
        if self._doubt is not None:
            self._blame_itself(self._doubt)
            self._doubt = None

    def blame_before(self) -> None:
        """Settle the doubt: the line before the newest was edited."""
        if self._doubt is not None:
            self._blame_before(self._doubt)
            self._doubt = None

    def finish(self) -> list[Finding]:
        """Return the findings; a doubt that nobody settled is told as one."""
        doubt, self._doubt = self._doubt, None
        if doubt is not None and doubt.number == 1:
            self._blame_itself(doubt)
        elif doubt is not None:
            text = f"record {doubt.number} does not link to the record before it: one of the two was edited"
            self._find(FindingKind.EDITED, doubt.number - 1, text, doubt.before, until=doubt.number)
        return self.findings

    def _is_next(self, line: bytes) -> bool:
        """Tell quickly whether a line is the expected record: canonical records end with origin, link and number."""
        ending = b',"origin":%b,"previous":"%b","seq":%d}' % (self._origin_field, self._digest.encode(), self.expected)
        if not (line.endswith(ending) and line.startswith(_BEGINNING)):
            return False
        return _read(line) is not None

    def _accept(self, line: bytes, number: int) -> None:
        self._digest_before, self._digest = self._digest, digest(line)
        self._newest = line
        self.expected = number + 1

    def _examine(self, line: bytes) -> None:
        record = _read(line)
        if record is not None and self._origin is None:
            self._origin, self._origin_field = record.origin, canonical(record.origin)
        if record is None or record.origin != self._origin:
            self._take_unusable(line, record)
        elif self._shaken:
            self._take_after_unusable(line, record)
        elif self._doubt is not None:
            self._resolve(self._doubt, line, record)
        else:
            self._compare(line, record)

    def _take_unusable(self, line: bytes, record: Record | None) -> None:
        self.blame_before()
        what = "is not a record any more" if record is None else f"belongs to the stream {record.origin}"
        self._find(FindingKind.EDITED, self.expected, f"line {self._lines} {what}", line)
        self._shaken = True
        self._accept(line, self.expected)

    def _take_after_unusable(self, line: bytes, record: Record) -> None:
        self._shaken = False
        if record.seq > self.expected:
            self._miss(record.seq)
        self._accept(line, record.seq)

    def _compare(self, line: bytes, record: Record) -> None:
        follows = record.previous == self._digest
        if record.seq == self.expected:
            if not follows:
                self._doubt = _Doubt(record.seq, record.previous, self._digest, self._newest, line)
            self._accept(line, record.seq)
        elif follows:
            text = f"line {self._lines} has number {record.seq} where {self.expected} belongs, and the right link"
            self._find(FindingKind.EDITED, self.expected, text, line)
            self._shaken = True
            self._accept(line, self.expected)
        elif record.seq > self.expected:
            self._miss(record.seq)
            self._accept(line, record.seq)
        else:
            self._take_repeated(line, record)

    def _take_repeated(self, line: bytes, record: Record) -> None:
        where = f"line {self._lines} has record {record.seq}, which belongs before record {self.expected - 1}"
        if digest(line) == self._digest:
            self._find(FindingKind.DUPLICATED, record.seq, f"line {self._lines} repeats record {record.seq}", line)
        elif record.seq == self.expected - 1 and record.previous == self._digest_before:
            text = f"lines {self._lines - 1} and {self._lines} both claim number {record.seq}: one was inserted"
            self._find(FindingKind.INSERTED, record.seq, text, self._newest)
            self._digest, self._newest = digest(line), line
        elif any(first <= record.seq <= last for first, last in self._missing):
            self._find(FindingKind.MOVED, record.seq, where, line)
        else:
            self._find(FindingKind.INSERTED, record.seq, f"{where}: it was repeated or inserted here", line)

    def _resolve(self, doubt: _Doubt, line: bytes, record: Record) -> None:
        self._doubt = None
        if record.previous == self._digest:
            self._blame_before(doubt)
            self._compare(line, record)
        elif record.seq == doubt.number and record.previous == doubt.was:
            text = f"line {self._lines - 1} claims number {doubt.number}, but line {self._lines} is that record"
            self._find(FindingKind.INSERTED, doubt.number, text, doubt.itself)
            self._digest_before = doubt.was
            self._accept(line, record.seq)
        else:
            self._blame_itself(doubt)
            self._take_after_unusable(line, record)

    def _blame_before(self, doubt: _Doubt) -> None:
        if doubt.number == 1:
            self._blame_itself(doubt)
            return
        text = f"its hash is {doubt.was[:8]}\u2026, record {doubt.number} says it was {doubt.says[:8]}\u2026"
        self._find(FindingKind.EDITED, doubt.number - 1, text, doubt.before)

    def _blame_itself(self, doubt: _Doubt) -> None:
        text = f"it names {doubt.says[:8]}\u2026 as the record before it, whose hash is {doubt.was[:8]}\u2026"
        self._find(FindingKind.EDITED, doubt.number, text, doubt.itself)

    def _miss(self, number: int) -> None:
        first, last = self.expected, number - 1
        self._missing.append((first, last))
        del self._missing[:-MAX_FINDINGS]
        text = f"line {self._lines} is record {number}: {last - first + 1} before it are gone"
        self._find(FindingKind.MISSING, first, text, b"", until=last)

    def _find(self, kind: FindingKind, number: int, text: str, line: bytes, until: int | None = None) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            return
        record = _read(line)
        about = "" if record is None else f"{record.kind} at {record.at}{_subject(record)}"
        record_id = f"{self._origin}#{number}" if record is None else record.id
        self.findings.append(Finding(kind, text, number, until or number, about, record_id))


def _read(line: bytes) -> Record | None:
    try:
        return parse(line)
    except BrokenRecord:
        return None


def _subject(record: Record) -> str:
    """Say what a record is about, from the fields that most records have."""
    named = [(field, record.body.get(field)) for field in ("task", "name", "host", "incident", "stream")]
    return "".join(f", {field} {value}" for field, value in named if isinstance(value, str))
