# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a report out of a journal: its records are read, the verifier is asked, and the report gets its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME as LEDGER
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass import __version__
from breakglass.formats import Form
from breakglass.reading import Story, Troubles, records_by_time, stories
from breakglass.report.case import Review
from breakglass.report.case_document import Verdict, case_document
from breakglass.report.folding import case_of
from breakglass.report.html import to_html
from breakglass.report.markdown import to_markdown
from breakglass.report.period_document import Others, Summary, period_document
from breakglass.timeline import event_of
from breakglass.verification import Witnesses, verify_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from breakglass.report.case import Case
    from breakglass.report.document import Document
    from breakglass.selection import Period
    from breakglass.verification import Verified

EXIT_CODES = {True: 0, None: 1, False: 2}
CASES = ("INC-", "RUN-")


@dataclass(frozen=True)
class Reporter:
    """Reports on one journal.

    Attributes:
        journal: Its directory.
        witnesses: What the verifier compares it with.
        environ: Says where Vault is.
        now: When the report is made.
    """

    journal: Path
    witnesses: Witnesses
    environ: Mapping[str, str]
    now: datetime

    def on_case(self, story: Story) -> tuple[Document, int]:
        """The report on an incident or run, and the verifier's exit code; raises BreakglassError."""
        verdict = self._verdict(_places(self.journal, story), story.streams)
        troubles = Troubles()
        records = list(records_by_time(self.journal, story.streams, troubles))
        case = case_of(story.name, records, self.now, troubles.sentences)
        if case.overrides:
            case.reviews += self._reviews(story.name)
        return case_document(case, verdict, self._made()), EXIT_CODES[verdict.intact]

    def on_period(self, period: Period) -> tuple[Document, int]:
        """The report on all that began in a period, and the verifier's exit code; raises BreakglassError."""
        verdict = self._verdict([self.journal], ())
        cases, others = [], Others()
        for story in stories(self.journal):
            if not story.name.startswith(CASES):
                self._take_others(story, period, others)
            elif case := self._case(story, period):
                cases.append(Summary.of(case))
        cases.sort(key=lambda case: case.began)
        return period_document(str(period), cases, others, verdict, self._made()), EXIT_CODES[verdict.intact]

    def _take_others(self, story: Story, period: Period, others: Others) -> None:
        if story.name == LEDGER:
            return
        for record in records_by_time(self.journal, story.streams, Troubles()):
            event = event_of(record)
            if period.holds(event.at):
                others.take(event)

    def _case(self, story: Story, period: Period) -> Case | None:
        troubles = Troubles()
        records = list(records_by_time(self.journal, story.streams, troubles))
        if not records or not period.holds(event_of(records[0]).at):
            return None
        return case_of(story.name, records, self.now, troubles.sentences)

    def _reviews(self, incident: str) -> Iterator[Review]:
        """What was said to an override afterwards: it stands in the streams of days."""
        for story in stories(self.journal):
            if story.name.startswith(CASES) or story.name == LEDGER:
                continue
            for event in map(event_of, records_by_time(self.journal, story.streams, Troubles())):
                if event.kind == "review.given" and event.body.get("incident") == incident:
                    by, verdict, note = (plain(event.body.get(name)) for name in ("by", "verdict", "note"))
                    yield Review(event.at, by, verdict, note, story.name)

    def _made(self) -> str:
        return f"made {self.now:%Y-%m-%d %H:%M:%S} UTC by breakglass {__version__} from the journal {self.journal}"

    def _verdict(self, places: Sequence[Path], streams: Sequence[str]) -> Verdict:
        verified = verify_paths(places, self.witnesses, self.environ)[0]
        return _verdict_of(verified, streams)


def written(document: Document, form: Form) -> str:
    """Return a report in its form."""
    return to_html(document) if form is Form.HTML else to_markdown(document)


def _places(journal: Path, story: Story) -> list[Path]:
    """What to verify: all that belongs to an incident or run, so that a missing stream shows; else just the streams."""
    if story.name.startswith(CASES):
        return sorted({(journal / stream).parent for stream in story.streams})
    return [journal / stream for stream in story.streams]


def _verdict_of(verified: Verified, streams: Sequence[str]) -> Verdict:
    intact = next(intact for intact, code in EXIT_CODES.items() if code == verified.exit_code)
    states = {stream.path: (stream.records, stream.state.value) for stream in verified.report.streams}
    told = tuple((stream, *states.get(stream, (0, "unchecked"))) for stream in streams)
    lines = (line.strip() for line in verified.text().splitlines())
    return Verdict(intact, (*verified.remarks, *filter(None, lines)), told)
