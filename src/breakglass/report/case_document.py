# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on one case: who, what, why, when, approvals, credentials and their end, result, and the journal's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.report.document import Document, Facts, Listing, Part, Section, Sentence, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from breakglass.report.case import Case, Grant

LONGEST_LIST = 500
"""Rows of a table; a report on a run of thousands of tasks stays readable."""
_WHY = ("alert", "reason", "ticket")
_WHO = ("requested by", "trigger", "owner", "mode", "policy", "door", "executed by", "AWX job", "Vault identity")
_WHAT = ("remediation", "time box", "plan digest", "remediation digest", "playbook", "playbook digest")
_WHAT_MORE = ("git commit", "limit", "roles", "versions")


@dataclass(frozen=True)
class Verdict:
    """What the verifier says.

    Attributes:
        intact: True, False when something was changed, None when it could not be checked.
        sentences: Its report, a line each.
        streams: Relative path to state, of the streams that the report is on.
    """

    intact: bool | None
    sentences: tuple[str, ...]
    streams: tuple[tuple[str, int, str], ...] = ()


def case_document(case: Case, verdict: Verdict, made: str) -> Document:
    """Put the report together; `made` says when and from what."""
    sections = (
        Section("Result", tuple(_result(case))),
        Section("Why", (_facts(case, _WHY),)),
        Section("Who", (_facts(case, _WHO),)),
        Section("What", tuple(_what(case))),
        Section("Approvals", tuple(_approvals(case))),
        Section("Review", tuple(_review(case))),
        Section("Grants and credentials, and their end", tuple(_access(case))),
        Section("Tasks", tuple(_tasks(case))),
        Section("People who were told", tuple(_people(case))),
        Section("Timeline (UTC)", (Listing(tuple(case.story)),)),
        Section("The journal", tuple(journal_parts(verdict))),
    )
    return Document("Report on", case.name, made, tuple(section for section in sections if _says(section)))


def journal_parts(verdict: Verdict) -> Iterable[Part]:
    """Say what the verifier says."""
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.PLAIN}[verdict.intact]
    word = {
        True: "The journal is intact.",
        False: "THE JOURNAL HAS BEEN CHANGED.",
        None: "The journal was not checked.",
    }
    yield Sentence(word[verdict.intact], tone=tone)
    for sentence in verdict.sentences:
        yield Sentence("The verifier says:", sentence)
    if verdict.streams:
        rows = ((stream, str(records), state) for stream, records, state in verdict.streams)
        yield Table(("stream", "records", "state"), tuple(rows))


def moment(at: datetime) -> str:
    """Write a moment as reports do."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _says(section: Section) -> bool:
    return any(not isinstance(part, Facts) or any(text for _, text in part.rows) for part in section.parts)


def _facts(case: Case, names: Iterable[str]) -> Facts:
    return Facts(tuple((name, case.facts.get(name, "")) for name in names))


def _result(case: Case) -> Iterable[Part]:
    good = not case.flaws and case.result in ("repaired", "rehearsed", "ok", "observed", "resolved-by-itself")
    yield Sentence("", case.result, Tone.GOOD if good else Tone.BAD)
    yield Facts(
        (
            ("began", moment(case.began)),
            ("last record", f"{moment(case.ended)}, {case.seconds:.1f} s later"),
        )
    )
    for flaw in case.flaws:
        yield Sentence(f"{flaw.value.capitalize()}:", case.why_of(flaw), Tone.BAD)


def _what(case: Case) -> Iterable[Part]:
    yield Facts((("hosts", ", ".join(case.hosts)), ("access", case.access), *_facts(case, _WHAT + _WHAT_MORE).rows))
    if case.parameters:
        yield Table(("parameter", "value"), tuple(case.parameters.items()))


def _approvals(case: Case) -> Iterable[Part]:
    if not case.approvals:
        yield Sentence("No approval was recorded.")
        return
    rows = ((moment(one.at), one.by, one.policy_line, one.digest) for one in case.approvals)
    yield Table(("when", "by", "policy", "plan digest"), tuple(rows))


def _review(case: Case) -> Iterable[Part]:
    if not case.overrides:
        return
    if not case.reviews:
        yield Sentence("It was opened without an approval, and nobody has judged that yet.", tone=Tone.BAD)
        return
    rows = ((moment(one.at), one.by, one.verdict, one.note, one.stream) for one in case.reviews)
    yield Table(("when", "by", "verdict", "note", "stands in"), tuple(rows))


def _access(case: Case) -> Iterable[Part]:
    if not case.grants:
        yield Sentence("No grant was opened.")
    else:
        rows = ((one.accessor, moment(one.opened_at), one.expires_at, _grant_end(one)) for one in case.grants)
        yield Table(("grant", "opened", "dies by itself at", "end"), tuple(rows))
    if case.credentials:
        lives = ((one.what, one.kind, moment(one.asked_at), one.end) for one in case.credentials)
        yield Table(("credential", "kind", "asked for", "end"), tuple(lives))


def _grant_end(grant: Grant) -> str:
    if grant.proven_at is None:
        return f"NOT PROVEN GONE{': ' + grant.why if grant.why else ''}"
    return f"gone, proven at {moment(grant.proven_at)}{'; ' + grant.remains if grant.remains else ''}"


def _tasks(case: Case) -> Iterable[Part]:
    tasks = case.tasks
    for at, outcome, why in case.plays:
        yield Sentence(f"{moment(at)}:", f"{outcome}: {why}" if why else outcome)
    if tasks.counts:
        yield Sentence("Results:", ", ".join(f"{number} {status}" for status, number in sorted(tasks.counts.items())))
    yield from _tabled(("host", "changed by"), tasks.changes)
    yield from _tabled(("host", "failed task", "reason"), tasks.failures)
    yield from _tabled(("host", "task with an unknown outcome"), tasks.unknown)


def _tabled(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterable[Part]:
    if rows:
        yield Table(header, tuple(rows[:LONGEST_LIST]))
    if len(rows) > LONGEST_LIST:
        yield Sentence(f"and {len(rows) - LONGEST_LIST} more: breakglass audit show")


def _people(case: Case) -> Iterable[Part]:
    if case.people:
        yield Table(("when", "what"), tuple((moment(at), what) for at, what in case.people))
