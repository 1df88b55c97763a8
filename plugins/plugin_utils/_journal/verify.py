# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier: is a journal what was written, and if not, which record is the first bad one?

Order matters, because somebody may be writing: the directory is listed first, then the ledger is read, then each
stream; and what is claimed about a file (checkpoints, anchor, seal) is read before the file. So a claim can only be about
records that are there. Each file is read once, line by line; memory grows with the number of streams only.

What binds what: a line's hash stands in the next line; a checkpoint signs the lines before it; the ledger names each
stream and seals it; the ledger's checkpoints sign the ledger; anchors keep checkpoints where the journal's owner can't
take them back. A stream that is still being written is held by its chain and by its last checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checkpoint_files import UnreadableCheckpoint, read_checkpoints
from .evidence import AnchorQuestions, Evidence
from .findings import Finding, FindingKind, Report, StreamReport
from .journal_files import list_files, origin_of, read_lines
from .ledger import NAME as LEDGER
from .record import BrokenRecord, parse
from .registry import Entry, Registry
from .walk import Source, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .anchor import Anchors
    from .public_key import PublicKey

__all__ = ["Report", "verify"]


def verify(directory: Path, keys: Sequence[PublicKey], anchors: Anchors | None) -> Report:
    """Verify all of a journal; never raises for what it finds there.

    Args:
        directory: the journal's, with `ledger.jsonl` in it.
        keys: who may sign its checkpoints.
        anchors: where its newest checkpoints are kept; None to do without (and say so).
    """
    return _Verifier(directory, keys, anchors).report()


class _Verifier:
    def __init__(self, directory: Path, keys: Sequence[PublicKey], anchors: Anchors | None) -> None:
        self._directory = directory
        self._keys = keys
        self._questions = AnchorQuestions(anchors)
        self._registry = Registry()

    def report(self) -> Report:
        files = list_files(self._directory)
        reports = [self._ledger()] if LEDGER in files.streams else []
        others = (name for name in files.streams if name != LEDGER)
        reports += [self._stream(name, self._registry.entries.get(name), _ignore) for name in others]
        findings = [Finding(FindingKind.UNREADABLE, f"{reason}") for reason in files.unreadable]
        findings += [
            Finding(FindingKind.STRAY_CHECKPOINT, f"The checkpoint {name} has no stream beside it.")
            for name in files.strays
        ]
        findings += [*self._absences(files.streams), *self._basis(reports), *self._questions.findings()]
        return Report(str(self._directory), tuple(reports), tuple(findings), self._questions.report())

    def _ledger(self) -> StreamReport:
        return self._stream(LEDGER, Entry(), self._take_ledger_line)

    def _take_ledger_line(self, line: bytes) -> None:
        try:
            self._registry.take(parse(line))
        except BrokenRecord:
            return  # the walk over the same lines has found it

    def _stream(self, name: str, entry: Entry | None, also: Callable[[bytes], None]) -> StreamReport:
        path = self._directory / name
        known = entry or Entry()
        evidence = self._evidence(path, known)
        if entry is None:
            evidence.findings.append(Finding(FindingKind.UNNAMED_STREAM, "the ledger does not name this stream"))
        if known.is_absent:
            text = "the ledger says that this stream never came to be"
            evidence.findings.append(Finding(FindingKind.UNNAMED_STREAM, text))
        walk = Walk(evidence.origin, [*evidence.claims, *known.seals], known.sealed_size)

        def take(line: bytes) -> None:
            walk.feed(line)
            also(line)

        try:
            torn = read_lines(path, take)
        except OSError as error:
            torn = b""
            evidence.findings.append(Finding(FindingKind.UNREADABLE, f"it can't be read: {error.strerror}"))
        outcome = walk.finish(torn)
        signed = ((claim.size, claim.key_name) for claim in outcome.agreeing if claim.source is Source.CHECKPOINT)
        findings = (*outcome.findings, *evidence.findings)
        return StreamReport(name, outcome.records, tuple(signed), known.sealed_size is not None, findings)

    def _evidence(self, path: Path, entry: Entry) -> Evidence:
        evidence = Evidence(entry.origin)
        try:
            notes = read_checkpoints(path)
        except UnreadableCheckpoint as error:
            evidence.findings.append(Finding(FindingKind.UNREADABLE, str(error)))
            return evidence
        for size, note in notes:
            evidence.take(Source.CHECKPOINT, size, note, self._keys)
        evidence.expect(entry.checkpoints, (size for size, _ in notes))
        if evidence.origin is None:
            evidence.origin = origin_of(path)
        self._questions.ask(evidence, self._keys)
        return evidence

    def _absences(self, streams: Sequence[str]) -> list[Finding]:
        there = set(streams)
        return [
            Finding(FindingKind.MISSING_STREAM, f"The ledger names the stream {name}, which is gone.", record_id=name)
            for name, entry in self._registry.entries.items()
            if name not in there and not entry.is_absent and not (self._directory / name).exists()
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


def _ignore(_: bytes) -> None:
    return
