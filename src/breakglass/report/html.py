# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one HTML file: no script, no link, nothing that is loaded. Texts from outside are escaped text nodes.

The page forbids everything but its own style by a Content-Security-Policy, so that a fault here would still load nothing.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.report.document import Facts, Listing, Sentence, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from breakglass.report.document import Document, Part

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7bd88f; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; } .made { opacity: .7; font-size: .9rem; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .5rem 0; }
dt { opacity: .7; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
.listing { font: .82rem/1.55 ui-monospace, monospace; } .listing td { border: 0; padding: 0 1rem 0 0; }
.listing td:first-child { white-space: nowrap; opacity: .7; } .listing td:nth-child(2) { font-weight: 600; }
dd, td, h1 { overflow-wrap: anywhere; unicode-bidi: isolate; } td { min-width: 6rem; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""
_STYLE_DIGEST = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"


def to_html(document: Document) -> str:
    """Return the report as a whole HTML5 page."""
    heading = f"{_ours(document.title)} {outside(document.about)}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{heading}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{heading}</h1>",
            f'<p class="made">{outside(document.made)}</p>',
            *(text for section in document.sections for text in _section(section.heading, section.parts)),
            "</body>",
            "</html>",
            "",
        ]
    )


def outside(text: str) -> str:
    """Return a text from outside as an escaped text node, on one line."""
    return escape(printable(text), quote=True)


def _ours(words: str) -> str:
    return escape(words, quote=True)


def _section(heading: str, parts: Iterable[Part]) -> list[str]:
    return ["<section>", f"<h2>{_ours(heading)}</h2>", *map(_part, parts), "</section>"]


def _part(part: Part) -> str:
    match part:
        case Sentence(words=words, outside=text, tone=tone):
            said = " ".join(filter(None, (_ours(words), outside(text))))
            return f'<p class="{tone.value}">{said}</p>'
        case Facts(rows=rows):
            pairs = (f"<dt>{_ours(name)}</dt><dd>{outside(text)}</dd>" for name, text in rows if text)
            return f"<dl>{''.join(pairs)}</dl>"
        case Table(header=header, rows=rows):
            head = "".join(f'<th scope="col">{_ours(name)}</th>' for name in header)
            return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>{_rows(rows)}</tbody>\n</table>"
        case Listing(lines=lines):
            return f'<table class="listing">\n<tbody>{_rows(lines)}</tbody>\n</table>'


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"<tr>{''.join(f'<td>{outside(cell)}</td>' for cell in row)}</tr>" for row in rows)
