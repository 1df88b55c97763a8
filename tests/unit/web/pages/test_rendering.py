# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages: whatever is put into them is text there, and nothing of it becomes an element, an attribute or an address."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from tests.support.corpus import HOSTILE

from breakglass.domain.requests import Person
from breakglass.web.pages.rendering import Rendering
from breakglass.web.pages.visitors import Visitor

PAGES = ("base.html", "inbox.html", "message.html", "onward.html", "question.html", "sign_in.html", "stored.html")
ADDRESSES = ("href", "action", "content")


class Read(HTMLParser):
    """What a browser makes of a page: its elements with the names of their attributes, its addresses, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.values: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ADDRESSES]
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def values(said: str) -> dict[str, object]:
    """All that any page shows, each of it the same text from outside."""
    person = Person("e1", said, frozenset(), said)
    return {
        "visitor": Visitor(person, "secret"),
        "title": said,
        "sentence": said,
        "why": said,
        "incident": said,
        "onward": "/approvals",
        "headline": said,
        "standing": said,
        "problem": said,
        "reason": said,
        "digest": said,
        "preview": said,
        "lines": [(said, said, said)],
        "items": [{"incident": said, "headline": said, "standing": said}],
        "may_approve": True,
        "may_deny": True,
        "to_acknowledge": True,
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("said", [text if isinstance(text, str) else json.dumps(text) for _, text in HOSTILE if text])
def test_text_of_others_stays_text(page: str, said: str) -> None:
    """Elements and attributes are those of the same page about something harmless; every address is one of ours."""
    harmless, hostile = (Read(Rendering("").text(page, values(text))) for text in ("harmless", said))
    assert hostile.elements == harmless.elements
    assert all(not address or address.startswith(("/", "0; url=/", "width=")) for address in hostile.addresses)
    assert not any(address.startswith("//") for address in hostile.addresses)
    if page == "question.html":
        assert said.replace("\r\n", "\n").replace("\r", "\n") in hostile.text.replace("\r\n", "\n").replace("\r", "\n")
        assert said in hostile.values


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_no_script(page: str) -> None:
    """There is none, nor anything that would be loaded from anywhere; it says its language, and fits a phone."""
    read = Read(Rendering("").text(page, values("x")))
    names = {tag for tag, _ in read.elements}
    assert not names & {"script", "img", "iframe", "object", "embed", "link", "base"}
    assert not [
        name for _, attributes in read.elements for name in attributes if name.startswith("on") or name == "style"
    ]
    assert ("html", ("lang",)) in read.elements
    assert "width=device-width, initial-scale=1" in read.addresses


def test_every_field_has_its_label() -> None:
    """Also for those who do not see it."""
    page = Rendering("").text("question.html", values("x"))
    assert '<label for="code">' in page
    assert '<label for="reason">' in page
    assert 'inputmode="numeric" autocomplete="one-time-code"' in page


def test_enter_decides_nothing() -> None:
    """The first button of the form with the code, which Enter presses, is one that does nothing (HTML, implicit submission)."""
    form = Rendering("").text("question.html", values("x")).partition('<form method="post" action="/approvals/x" ')[2]
    first = form.partition("<button ")[2].partition(">")[0]
    assert first == 'type="submit" disabled hidden'


def test_a_path_before_all_pages() -> None:
    """Where the runner's address has one, every address begins with it."""
    read = Read(Rendering("/tools/breakglass").text("question.html", values("x")))
    ours = [address for address in read.addresses if address.startswith("/")]
    assert ours
    assert all(address.startswith("/tools/breakglass/") for address in ours)
