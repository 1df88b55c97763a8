# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on a period: the population of all cases for an auditor, counts, and every exception."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.report.case import Flaw
from breakglass.report.case_document import LONGEST_LIST, journal_parts, moment
from breakglass.report.document import Document, Part, Section, Sentence, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from breakglass.report.case import Case
    from breakglass.report.case_document import Verdict
    from breakglass.timeline import Event

NONE = "none"
REFUSALS = frozenset({"request.refused", "sender.refused"})


@dataclass(frozen=True)
class Summary:
    """What the population needs of a case."""

    name: str
    began: datetime
    trigger: str
    hosts: tuple[str, ...]
    access: str
    approved_by: tuple[str, ...]
    result: str
    flaws: tuple[tuple[Flaw, str], ...]

    @classmethod
    def of(cls, case: Case) -> Summary:
        """Keep of a case what a population shows."""
        return cls(
            name=case.name,
            began=case.began,
            trigger=case.trigger,
            hosts=case.hosts,
            access=case.access,
            approved_by=tuple(dict.fromkeys(approval.by for approval in case.approvals)),
            result=case.result,
            flaws=tuple((flaw, case.why_of(flaw)) for flaw in case.flaws),
        )


@dataclass
class Others:
    """Records of the period that belong to no case: of senders, of alerts that nothing was done about, of the runner.

    Attributes:
        counts: By kind.
        refusals: When, kind and reason of what was refused.
    """

    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take one more record."""
        self.counts[event.kind] += 1
        if event.kind in REFUSALS:
            who = plain(event.body.get("person")) or plain(event.body.get("source"))
            why = ": ".join(filter(None, (who, plain(event.body.get("why")))))
            self.refusals.append((moment(event.at), event.kind, why))


def period_document(period: str, cases: Sequence[Summary], others: Others, verdict: Verdict, made: str) -> Document:
    """Put the report together.

    Args:
        period: In words.
        cases: Every one that began in it.
        others: What else was recorded in it.
        verdict: The verifier's.
        made: When and from what the report is made.
    """
    sections = (
        Section("Population", tuple(_population(cases))),
        Section("Exceptions", tuple(_exceptions(cases))),
        Section("Outside of incidents and runs", tuple(_others(others))),
        Section("Counts", tuple(_counts(cases))),
        Section("The journal", tuple(journal_parts(verdict))),
    )
    return Document("Report on the period", period, made, sections)


def _population(cases: Sequence[Summary]) -> Iterable[Part]:
    incidents = sum(case.name.startswith("INC-") for case in cases)
    runs = len(cases) - incidents
    counted = f"{incidents} incident{'' if incidents == 1 else 's'} and {runs} run{'' if runs == 1 else 's'}"
    yield Sentence(f"{counted} without a runner began in this period.")
    rows = (
        (
            case.name,
            moment(case.began),
            case.trigger,
            ", ".join(case.hosts),
            case.access,
            ", ".join(case.approved_by),
            case.result,
            ", ".join(flaw.value for flaw, _ in case.flaws),
        )
        for case in cases
    )
    header = ("case", "began", "trigger or playbook", "hosts", "access", "approved by", "result", "exceptions")
    if cases:
        yield Table(header, tuple(rows))


def _exceptions(cases: Sequence[Summary]) -> Iterable[Part]:
    found = [(flaw, case.name, why) for case in cases for flaw, why in case.flaws]
    if not found:
        yield Sentence(
            "None: every grant was proven gone, every outcome is known, nothing was refused.", tone=Tone.GOOD
        )
        return
    order = list(Flaw)
    rows = sorted(found, key=lambda one: order.index(one[0]))
    yield Table(("exception", "case", "why"), tuple((flaw.value, name, why) for flaw, name, why in rows))


def _others(others: Others) -> Iterable[Part]:
    if not others.counts:
        yield Sentence("Nothing was recorded.")
        return
    yield Table(
        ("kind of record", "records"), tuple((kind, str(count)) for kind, count in sorted(others.counts.items()))
    )
    if others.refusals:
        yield Table(("when", "refused", "why"), tuple(others.refusals[:LONGEST_LIST]))
    if len(others.refusals) > LONGEST_LIST:
        yield Sentence(
            f"and {len(others.refusals) - LONGEST_LIST} more: breakglass audit show --kind request --kind sender"
        )


def _counts(cases: Sequence[Summary]) -> Iterable[Part]:
    columns: tuple[tuple[str, Callable[[Summary], Iterable[str]]], ...] = (
        ("trigger or playbook", lambda case: [case.trigger]),
        ("result", lambda case: [case.result]),
        ("access", lambda case: [case.access]),
        ("approved by", lambda case: case.approved_by or [NONE]),
        ("exception", lambda case: [flaw.value for flaw, _ in case.flaws] or [NONE]),
    )
    for heading, words_of in columns:
        counted = Counter(word or NONE for case in cases for word in words_of(case))
        rows = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        if rows:
            yield Table((heading, "cases"), tuple((word, str(number)) for word, number in rows))
