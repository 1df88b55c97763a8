# SPDX-License-Identifier: GPL-3.0-or-later
r"""A report as Markdown. Texts from outside stand in code spans: there nothing is a link, an image, HTML or emphasis.

Code spans also hold off what some renderers do to bare addresses, which escaping does not. The two characters that mean
something inside of a code span in a table, the grave accent and the pipe, are shown as `\x60` and `\x7c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.report.document import Facts, Listing, Sentence, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from breakglass.report.document import Document, Part

_MARKS = {Tone.PLAIN: "", Tone.GOOD: "OK:", Tone.BAD: "**!**"}
NOTHING = "-"


def to_markdown(document: Document) -> str:
    """Return the report as Markdown (CommonMark with tables)."""
    lines = [f"# {document.title} {outside(document.about)}", "", outside(document.made)]
    for section in document.sections:
        lines += ["", f"## {section.heading}"]
        for part in section.parts:
            lines += ["", *_part(part)]
    return "\n".join(lines) + "\n"


def outside(text: str) -> str:
    """Return a text from outside as a code span, on one line."""
    shown = printable(text).replace("`", "\\x60").replace("|", "\\x7c").strip()
    return f"`{shown}`" if shown else NOTHING


def _part(part: Part) -> list[str]:
    match part:
        case Sentence(words=words, outside=text, tone=tone):
            said = [_MARKS[tone], words, outside(text) if text else ""]
            return [" ".join(filter(None, said))]
        case Facts(rows=rows):
            return [f"- {name}: {outside(text)}" for name, text in rows if text]
        case Table(header=header, rows=rows):
            return _table(header, rows)
        case Listing(lines=lines):
            return ["```text", *(_line(line) for line in lines), "```"]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    return head + [f"| {' | '.join(map(outside, row))} |" for row in rows]


def _line(line: tuple[str, str, str]) -> str:
    at, name, text = line
    return f"{at:<12}  {printable(name):<11} {printable(text)}"
