# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on a period: population, exceptions, counts."""

from __future__ import annotations

from tests.support.incidents import NOW

from breakglass.report.case import Flaw
from breakglass.report.case_document import Verdict
from breakglass.report.document import Document, Sentence, Table, Tone
from breakglass.report.period_document import Others, Summary, period_document
from breakglass.timeline import Event

INTACT = Verdict(intact=True, sentences=())


def summary(
    name: str, result: str = "repaired", flaws: tuple[tuple[Flaw, str], ...] = (), by: str = "automatic"
) -> Summary:
    return Summary(name, NOW, "web", ("web1",), "web-operator", (by,) if by else (), result, flaws)


def tables(document: Document) -> dict[str, tuple[tuple[str, ...], ...]]:
    return {
        part.header[0]: part.rows for section in document.sections for part in section.parts if isinstance(part, Table)
    }


def test_population_has_every_case() -> None:
    """Every incident and run of the period is one row, and their number is said."""
    document = period_document("November", [summary("INC-1"), summary("RUN-2", "ok", by="")], Others(), INTACT, "now")
    sentence = document.sections[0].parts[0]
    assert isinstance(sentence, Sentence)
    assert sentence.words == "1 incident and 1 run without a runner began in this period."
    assert [row[0] for row in tables(document)["case"]] == ["INC-1", "RUN-2"]


def test_counts() -> None:
    """Cases are counted by trigger, result, access, approval and exception, the most frequent first."""
    flawed = summary("INC-3", "failed", ((Flaw.REFUSED, "the hold"), (Flaw.OVERRIDE, "cy")), "ben")
    counted = tables(period_document("x", [summary("INC-1"), summary("INC-2"), flawed], Others(), INTACT, "now"))
    assert counted["result"] == (("repaired", "2"), ("failed", "1"))
    assert counted["trigger or playbook"] == (("web", "3"),)
    assert counted["approved by"] == (("automatic", "2"), ("ben", "1"))


def test_exceptions_come_with_their_reason_the_worst_first() -> None:
    """Each exception names its case and why; grants that are not proven gone come first."""
    refused = summary("INC-1", "refused", ((Flaw.REFUSED, "the hold is set"),))
    open_grant = summary("INC-2", "failed", ((Flaw.NOT_PROVEN_GONE, "Vault is sealed"),))
    document = period_document("x", [refused, open_grant], Others(), INTACT, "now")
    assert tables(document)["exception"][0] != ()
    section = next(section for section in document.sections if section.heading == "Exceptions")
    (table,) = section.parts
    assert isinstance(table, Table)
    assert table.rows == (
        ("not proven gone", "INC-2", "Vault is sealed"),
        ("refused", "INC-1", "the hold is set"),
    )


def test_nothing_happened() -> None:
    """A period without a case, or without an exception, says so."""
    document = period_document("x", [], Others(), INTACT, "now")
    exceptions = next(section for section in document.sections if section.heading == "Exceptions")
    (sentence,) = exceptions.parts
    assert isinstance(sentence, Sentence)
    assert sentence.tone is Tone.GOOD


def test_what_the_verifier_says_comes_along() -> None:
    """A report says whether the journal that it was made from is intact, changed, or was not checked."""
    said = {}
    for intact in (True, False, None):
        document = period_document("x", [], Others(), Verdict(intact, ("FAILED  1 of 3 streams",)), "now")
        first, second, *_ = document.sections[-1].parts
        assert isinstance(first, Sentence)
        assert isinstance(second, Sentence)
        said[intact] = (first.words, second.outside)
    assert said == {
        True: ("The journal is intact.", "FAILED  1 of 3 streams"),
        False: ("THE JOURNAL HAS BEEN CHANGED.", "FAILED  1 of 3 streams"),
        None: ("The journal was not checked.", "FAILED  1 of 3 streams"),
    }


def test_what_belongs_to_no_case() -> None:
    """What was recorded outside of incidents and runs is counted by kind, and what was refused there is told with its reason."""
    others = Others()
    others.take(Event(NOW, "sender.refused", {"source": "alertmanager", "why": "The token is wrong."}, "runner"))
    others.take(Event(NOW, "request.refused", {"person": "ada", "why": "not offered"}, "runner"))
    for _ in range(2):
        others.take(Event(NOW, "alert.unmatched", {"name": "Odd"}, "runner"))
    shown = tables(period_document("x", [], others, INTACT, "now"))
    assert shown["kind of record"] == (("alert.unmatched", "2"), ("request.refused", "1"), ("sender.refused", "1"))
    assert [row[1:] for row in shown["when"]] == [
        ("sender.refused", "alertmanager: The token is wrong."),
        ("request.refused", "ada: not offered"),
    ]
