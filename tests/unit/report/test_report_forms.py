# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as Markdown and HTML, with texts from outside that would like to be more than text."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import markdown
import pytest
from markdown_it import MarkdownIt
from tests.support.corpus import HOSTILE
from tests.support.incidents import DAY, NOW
from tests.support.journal_records import INCIDENT, hostile_records

from breakglass.report.case_document import Verdict, case_document
from breakglass.report.document import Document, Facts, Listing, Section, Sentence, Table, Tone
from breakglass.report.folding import case_of
from breakglass.report.html import POLICY, to_html
from breakglass.report.markdown import to_markdown
from breakglass.report.period_document import Others, Summary, period_document
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LURES = {
    "link": "[click](https://evil.example)",
    "image": "![x](https://evil.example/x.png)",
    "bare address": "https://evil.example www.evil.example root@evil.example",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "code span": "` [click](https://evil.example) `` x ```",
    "fence": "```\n# A heading\n<script>alert(1)</script>",
    "table": "a | b |\n| c \\| d \\",
    "heading": "# heading\n===\n- item\n> quote",
    "entity": "&lt;script&gt; &#60;img&#62;",
    "comment": "--> <!-- ]]> </style></title></td></table>",
    "reference": "[x]: https://evil.example",
}
TEXTS = [
    *(pytest.param(text, id=name) for name, text in LURES.items()),
    *(pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)),
]
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section"} | {
    *("dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td")
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
TOKENS = {
    *(f"{block}_{end}" for block in ("heading", "paragraph", "bullet_list", "list_item") for end in ("open", "close")),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
    *("inline", "text", "code_inline", "fence", "strong_open", "strong_close", "softbreak"),
}
RENDERED = {"h1", "h2", "p", "ul", "li", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "strong"}


class Page(HTMLParser):
    """What a page has: its tags, its attributes, its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.others: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def documents(text: str) -> Iterator[Document]:
    """Reports on records that have a text from outside in every field, and a document with it in every part."""
    verdict = Verdict(intact=False, sentences=(text,), streams=((text, 1, text),))
    shape = len(text) % 4  # that a field may have: text, shortened text, list, mapping; the texts have all lengths
    case = case_of(INCIDENT, hostile_records(text)[shape::4], NOW + DAY, [text])
    yield case_document(case, verdict, text)
    others = Others()
    for record in hostile_records(text)[shape::4]:
        others.take(event_of(record))
    yield period_document(text, [Summary.of(case)], others, verdict, text)
    parts = (Sentence("words", text), Facts((("name", text),)), Table(("a", "b"), ((text, text),)))
    yield Document("Report on", text, text, (Section("All", (*parts, Listing((("03:12:09", text, text),)))),))


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_in_html(text: str) -> None:
    """Whatever a text is, the page has only our tags and attributes, closes what it opens, and shows the text as text."""
    for document in documents(text):
        page = Page(to_html(document))
        assert set(page.tags) <= TAGS
        assert {name for name, _ in page.attributes} <= ATTRIBUTES
        assert {value for name, value in page.attributes if name == "class"} <= {
            "made",
            "listing",
            "plain",
            "good",
            "bad",
        }
        assert page.others == []
        assert all(line.isprintable() for shown in page.texts for line in shown.splitlines())


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_in_markdown(text: str) -> None:
    """Whatever a text is, Markdown makes of it neither a link nor an image, HTML, heading or row: two renderers agree."""
    for document in documents(text):
        source = to_markdown(document)
        assert all(line.isprintable() for line in source.splitlines())
        tokens = list(_tokens(source))
        assert {token.type for token in tokens} <= TOKENS
        assert sum(token.tag in ("h1", "h2") and token.nesting == 1 for token in tokens) == 1 + len(document.sections)
        rendered = Page(markdown.markdown(source, extensions=["tables", "fenced_code"]))
        assert set(rendered.tags) <= RENDERED
        assert {name for name, _ in rendered.attributes} <= {"class"}


@pytest.mark.parametrize("text", TEXTS)
def test_each_row_of_markdown_has_its_cells(text: str) -> None:
    """A text in a table makes no cell and no row of its own."""
    section = Section("All", (Table(("a", "b"), ((text, text), ("x", "y"))),))
    tokens = list(_tokens(to_markdown(Document("Report on", "x", "y", (section,)))))
    assert sum(token.type == "td_open" for token in tokens) == 4
    assert sum(token.type == "tr_open" for token in tokens) == 3


def test_page_loads_nothing_and_runs_nothing() -> None:
    """The page has no address and no script, and its policy allows its own style alone, by its digest."""
    page = to_html(next(documents("x")))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert f'content="{POLICY}"' in page
    assert not re.search(r"src=|href=|url\(|@import|://|<script|<link|<a ", page)


def test_words_are_marked() -> None:
    """What is good or bad is said in words or signs, not by colour alone."""
    sentences = tuple(Sentence("It is", "so", tone) for tone in Tone)
    shown = to_markdown(Document("Report on", "x", "y", (Section("All", sentences),)))
    assert shown.splitlines()[-5:] == ["It is `so`", "", "OK: It is `so`", "", "**!** It is `so`"]


def _tokens(source: str) -> Iterator:
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(source):
        yield token
        yield from token.children or ()
