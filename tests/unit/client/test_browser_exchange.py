# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser is answered during a login: its own answer counts, once; nothing else changes anything."""

from __future__ import annotations

import pytest

from breakglass.client.browser_exchange import COOKIE, Exchange, Reply, page

ADDRESS = "https://id.example.com/authorize?state=st_1"


@pytest.fixture
def exchange() -> Exchange:
    """A login that was begun."""
    return Exchange(ADDRESS, "st_1", "/oidc/callback")


def opened(exchange: Exchange) -> str:
    """Open the link; the cookie that the browser keeps."""
    reply = exchange.reply(exchange.link, "")
    assert (reply.status, reply.headers["Location"]) == (302, ADDRESS)
    return reply.headers["Set-Cookie"].partition(";")[0]


def came_back(exchange: Exchange, cookies: str, query: str = "state=st_1&code=c0de") -> Reply:
    """The browser comes back."""
    return exchange.reply(f"/oidc/callback?{query}", cookies)


def test_the_answer_of_the_browser_that_opened_the_link_counts_once(exchange: Exchange) -> None:
    """A second one is told so, and so is who opens the link afterwards."""
    kept = opened(exchange)
    answered = came_back(exchange, kept).answered
    assert answered is not None
    assert (answered.code, answered.refusal) == ("c0de", "")
    assert "c0de" not in repr(answered)
    assert (came_back(exchange, kept).status, came_back(exchange, kept).answered) == (410, None)
    assert exchange.reply(exchange.link, kept).status == 410


def test_the_link_is_for_one_browser(exchange: Exchange) -> None:
    """The same may open it again; another one is told what to do, and not where to go."""
    kept = opened(exchange)
    assert exchange.reply(exchange.link, f"other=1; {kept}").status == 302
    refused = exchange.reply(exchange.link, "")
    assert (refused.status, "Location" in refused.headers) == (409, False)
    assert "press Ctrl-C" in refused.sentence


@pytest.mark.parametrize(
    "query",
    [
        "state=st_2&code=c0de",
        "code=c0de",
        "state=st_1&state=st_1&code=c0de",
        "state=%ff&code=x",
        "state=st_1&code=x" + "&x=1" * 30,
    ],
)
def test_another_state_changes_nothing(exchange: Exchange, query: str) -> None:
    """The right answer is still taken afterwards."""
    kept = opened(exchange)
    wrong = came_back(exchange, kept, query)
    assert (wrong.status, wrong.answered) == (400, None)
    assert came_back(exchange, kept).answered is not None


@pytest.mark.parametrize("cookies", ["", f"{COOKIE}=guessed", "\x00=;;", f"{COOKIE}="])
def test_another_browser_changes_nothing(exchange: Exchange, cookies: str) -> None:
    """Not even one that knows the state, as who sees the provider's address in a list of processes."""
    kept = opened(exchange)
    wrong = came_back(exchange, cookies)
    assert (wrong.status, wrong.answered) == (400, None)
    assert came_back(exchange, kept).answered is not None


def test_nobody_answers_before_the_link_was_opened(exchange: Exchange) -> None:
    """There is no cookie to come along."""
    assert came_back(exchange, "").answered is None


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("error=access_denied", "access_denied"),
        ("error=access_denied&error_description=not%20today&code=c0de", "access_denied: not today"),
        ("", "it gave no code"),
        ("code=", "it gave no code"),
        (f"code={'x' * 5000}", "it gave no code"),
    ],
)
def test_what_the_provider_refuses_ends_the_login(exchange: Exchange, query: str, why: str) -> None:
    """With its words, and without a code."""
    answered = came_back(exchange, opened(exchange), f"state=st_1&{query}").answered
    assert answered is not None
    assert (answered.code, answered.refusal) == ("", why)


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/oidc/callback/", "//", "/oidc", "http://[/"])
def test_there_is_nothing_else(exchange: Exchange, path: str) -> None:
    """Other paths get a sentence."""
    assert exchange.reply(path, opened(exchange)).status == 404


def test_a_page_shows_text_as_text() -> None:
    """Nothing in it is markup of others."""
    assert "<p>&lt;script&gt;</p>" in page("<script>")
