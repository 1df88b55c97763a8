# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier: is a journal what was written, and if not, which record is the first bad one?

Order matters, because somebody may be writing: the directory is listed first, then the ledger is read, then each
stream; and what is claimed about a file (checkpoints, anchor, seal) is read before the file. So a claim can only be about
records that are there. Memory grows with the number of streams only.

Each stream is skimmed (`look.py`), which is quick and says yes or no; where it says no, the stream is read again, line by
line, to find out what was done to it (`walk.py`).

What binds what: a line's hash stands in the next line; a checkpoint signs the lines before it; the ledger names each
stream and seals it; the ledger's checkpoints sign the ledger; anchors keep checkpoints where the journal's owner can't
take them back. A stream that is still being written is held by its chain and by its last checkpoint.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .checkpoint_files import UnreadableCheckpoint, read_checkpoints
from .evidence import AnchorQuestions, Evidence
from .findings import Finding, FindingKind, Report, StreamReport
from .journal_files import list_files, origin_of, read_lines
from .ledger import NAME as LEDGER
from .look import Lookers
from .record import BrokenRecord, parse
from .registry import Entry, Registry
from .walk import Outcome, Source, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .anchor import Anchors
    from .public_key import PublicKey

__all__ = ["Report", "verify"]

AHEAD = 64
"""Streams that are begun before the first of them is waited for."""


def verify(
    directory: Path, keys: Sequence[PublicKey], anchors: Anchors | None, only: Sequence[str] = (), workers: int = 1
) -> Report:
    """Verify a journal; never raises for what it finds there.

    Args:
        directory: the journal's, with `ledger.jsonl` in it.
        keys: who may sign its checkpoints.
        anchors: where its newest checkpoints are kept; None to do without (and say so).
        only: paths below the directory, of streams or of directories, when not all of it is to be verified; the
            ledger always is.
        workers: processes that read large streams.
    """
    with Lookers(workers) as lookers:
        return _Verifier(directory, keys, anchors, only, lookers).report()


@dataclass(frozen=True)
class _Begun:
    """A stream that is being looked at."""

    name: str
    entry: Entry
    evidence: Evidence
    outcome: Callable[[], Outcome | None]


class _Verifier:
    def __init__(
        self,
        directory: Path,
        keys: Sequence[PublicKey],
        anchors: Anchors | None,
        only: Sequence[str],
        lookers: Lookers,
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._questions = AnchorQuestions(anchors)
        self._registry = Registry()
        self._only = only
        self._lookers = lookers

    def report(self) -> Report:
        files = list_files(self._directory)
        reports = [self._ledger()] if LEDGER in files.streams else []
        reports += self._others([name for name in files.streams if name != LEDGER and self._is_wanted(name)])
        findings = [Finding(FindingKind.UNREADABLE, f"{reason}") for reason in files.unreadable]
        findings += [
            Finding(FindingKind.STRAY_CHECKPOINT, f"The checkpoint {name} has no stream beside it.")
            for name in files.strays
            if self._is_wanted(name)
        ]
        findings += [
            *self._absences(files.streams),
            *self._unnamed(files.streams),
            *self._basis(reports),
            *self._questions.findings(),
        ]
        archived = {
            name for name, entry in self._registry.entries.items() if entry.is_archived and self._is_wanted(name)
        }
        anchors = self._questions.report()
        moved = len(archived.difference(files.streams))
        return Report(str(self._directory), tuple(reports), tuple(findings), anchors, moved)

    def _is_wanted(self, name: str) -> bool:
        return not self._only or any(name == path or name.startswith(f"{path}/") for path in self._only)

    def _ledger(self) -> StreamReport:
        evidence = self._evidence(self._directory / LEDGER, Entry())

        def take(line: bytes) -> None:
            try:
                self._registry.take(parse(line))
            except BrokenRecord:
                return  # the walk over the same lines finds it

        return self._told(LEDGER, Entry(), evidence, self._walk(LEDGER, Entry(), evidence, take))

    def _others(self, names: Sequence[str]) -> list[StreamReport]:
        reports = []
        begun: deque[_Begun] = deque()
        for name in names:
            begun.append(self._begin(name))
            if len(begun) > AHEAD:
                reports.append(self._end(begun.popleft()))
        return [*reports, *(self._end(stream) for stream in begun)]

    def _begin(self, name: str) -> _Begun:
        entry = self._registry.entries.get(name)
        known = entry or Entry()
        evidence = self._evidence(self._directory / name, known)
        if entry is None:
            evidence.findings.append(Finding(FindingKind.UNNAMED_STREAM, "the ledger does not name this stream"))
        if known.is_absent:
            text = "the ledger says that this stream never came to be"
            evidence.findings.append(Finding(FindingKind.UNNAMED_STREAM, text))
        if evidence.origin is None:
            return _Begun(name, known, evidence, lambda: None)
        claims = [*evidence.claims, *known.seals]
        outcome = self._lookers.begin(self._directory / name, evidence.origin, claims, known.sealed_size)
        return _Begun(name, known, evidence, outcome)

    def _end(self, begun: _Begun) -> StreamReport:
        outcome = begun.outcome() or self._walk(begun.name, begun.entry, begun.evidence, _ignore)
        return self._told(begun.name, begun.entry, begun.evidence, outcome)

    def _walk(self, name: str, entry: Entry, evidence: Evidence, also: Callable[[bytes], None]) -> Outcome:
        walk = Walk(evidence.origin, [*evidence.claims, *entry.seals], entry.sealed_size)

        def take(line: bytes) -> None:
            walk.feed(line)
            also(line)

        try:
            torn = read_lines(self._directory / name, take)
        except OSError as error:
            torn = b""
            evidence.findings.append(Finding(FindingKind.UNREADABLE, f"it can't be read: {error.strerror}"))
        return walk.finish(torn)

    def _told(self, name: str, entry: Entry, evidence: Evidence, outcome: Outcome) -> StreamReport:
        signed = ((claim.size, claim.key_name) for claim in outcome.agreeing if claim.source is Source.CHECKPOINT)
        is_sealed = entry.sealed_size is not None
        return StreamReport(
            name,
            outcome.records,
            tuple(signed),
            is_sealed,
            (*outcome.findings, *evidence.findings),
            outcome.remarks if is_sealed else (),
        )

    def _evidence(self, path: Path, entry: Entry) -> Evidence:
        evidence = Evidence(entry.origin)
        try:
            notes = read_checkpoints(path)
        except UnreadableCheckpoint as error:
            evidence.findings.append(Finding(FindingKind.UNREADABLE, str(error)))
            return evidence
        for size, note in notes:
            evidence.take(Source.CHECKPOINT, size, note, self._keys)
        evidence.expect(entry.checkpoints, (size for size, _note in notes))
        if evidence.origin is None:
            evidence.origin = origin_of(path)
        self._questions.ask(evidence, self._keys)
        return evidence

    def _absences(self, streams: Sequence[str]) -> list[Finding]:
        there = set(streams)
        return [
            Finding(FindingKind.MISSING_STREAM, f"The ledger names the stream {name}, which is gone.", record_id=name)
            for name, entry in self._registry.entries.items()
            if self._is_wanted(name)
            and name not in there
            and not entry.is_absent
            and not entry.is_archived
            and not (self._directory / name).exists()
        ]

    def _unnamed(self, streams: Sequence[str]) -> list[Finding]:
        """Say which of the wanted paths mean nothing here."""
        names = {*streams, *self._registry.entries}
        return [
            Finding(FindingKind.UNREADABLE, f"There is no stream {path} in {self._directory}.")
            for path in self._only
            if not any(name == path or name.startswith(f"{path}/") for name in names)
        ]

    def _basis(self, reports: Sequence[StreamReport]) -> list[Finding]:
        """Say what the whole verdict lacks: the ledger, keys, or any signature under the ledger."""
        if not reports:
            return [Finding(FindingKind.UNREADABLE, f"There is no journal in {self._directory}.")]
        findings = []
        if reports[0].path != LEDGER:
            text = f"{LEDGER} is gone: nobody can say which streams there were."
            findings.append(Finding(FindingKind.MISSING_LEDGER, text))
        if not self._keys:
            text = "Signatures were not checked: no public key is known."
            findings.append(Finding(FindingKind.NO_KEYS, text))
        elif reports[0].path == LEDGER and not reports[0].signed_at:
            text = (
                f"No signed checkpoint vouches for {LEDGER}: whoever can write the journal could have written it anew."
            )
            findings.append(Finding(FindingKind.UNSIGNED, text))
        return findings


def _ignore(_line: bytes) -> None:
    return
