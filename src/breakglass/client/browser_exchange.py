# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser is answered while it signs a person in for the terminal: the rules, without a socket.

1. The link that the person opens leads to the provider's page, and leaves a cookie. Only the browser that opened it first
   may open it again.
2. The answer counts only with the state of this login (RFC 6749, 10.12), from the browser with that cookie, and once.
3. Whatever else asks gets a sentence, and changes nothing.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIE: Final = "breakglass-login"
LONGEST: Final = 4096
MOST: Final = 20
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>breakglass login</title></head><body><p>{}</p></body></html>\n'
SOMEBODY_ELSE: Final = (
    "Another browser has opened this link already. If that was not you, press Ctrl-C in the terminal, and log in anew."
)
OTHER_LOGIN: Final = (
    "This is not the end of the login that your terminal waits for: it was begun in another browser, or it is an older one. "
    "Open the link that the terminal shows."
)
ANSWERED: Final = "This login has been answered already; the terminal says how it ended."
NOTHING_HERE: Final = "There is nothing here but the login that your terminal waits for: open the link that it shows."


@dataclass(frozen=True)
class Answered:
    """What the provider says.

    Attributes:
        code: For Vault to redeem; empty when the provider refuses.
        refusal: Why it refuses, in its own words: outside text.
    """

    code: str = field(default="", repr=False)
    refusal: str = ""


@dataclass(frozen=True)
class Reply:
    """What a browser gets; with `answered`, the page is made when it is known how the login ended."""

    status: HTTPStatus
    sentence: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    answered: Answered | None = None


@dataclass
class Exchange:
    """One login. Not for several threads at once.

    Attributes:
        address: The provider's page; never shown to anybody but the browser.
        state: What the answer must bring along.
        callback: Path of our address that the provider sends the browser to.
        link: Path of the link that the person opens.
    """

    address: str = field(repr=False)
    state: str = field(repr=False)
    callback: str
    link: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(16)}", repr=False)
    _browser: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _is_open: bool = False
    _is_answered: bool = False

    def reply(self, target: str, cookies: str) -> Reply:
        """Answer a GET.

        Args:
            target: Path and query, as they came.
            cookies: The header, as it came.
        """
        path, _, query = target.partition("?")
        if _same(path, self.link):
            return self._begin(cookies)
        if path == self.callback:
            return self._end(query, cookies)
        return Reply(HTTPStatus.NOT_FOUND, NOTHING_HERE)

    def _begin(self, cookies: str) -> Reply:
        if self._is_answered:
            return Reply(HTTPStatus.GONE, ANSWERED)
        if self._is_open and not self._knows(cookies):
            return Reply(HTTPStatus.CONFLICT, SOMEBODY_ELSE)
        self._is_open = True
        kept = f"{COOKIE}={self._browser}; Path=/; HttpOnly; SameSite=Lax"
        return Reply(HTTPStatus.FOUND, headers={"Location": self.address, "Set-Cookie": kept})

    def _end(self, query: str, cookies: str) -> Reply:
        said = _said(query)
        if not (_same(said.get("state", ""), self.state) and self._knows(cookies)):
            return Reply(HTTPStatus.BAD_REQUEST, OTHER_LOGIN)
        if self._is_answered:
            return Reply(HTTPStatus.GONE, ANSWERED)
        self._is_answered = True
        return Reply(HTTPStatus.OK, answered=_answer(said))

    def _knows(self, cookies: str) -> bool:
        try:
            kept = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return False
        return kept is not None and _same(kept.value, self._browser)


def page(sentence: str) -> str:
    """The sentence as a page without a script."""
    return _PAGE.format(escape(sentence))


def _said(query: str) -> dict[str, str]:
    """What is said exactly once."""
    with suppress(ValueError):
        return {name: values[0] for name, values in parse_qs(query, max_num_fields=MOST).items() if len(values) == 1}
    return {}


def _answer(said: Mapping[str, str]) -> Answered:
    code = said.get("code", "")
    if code and len(code) <= LONGEST and "error" not in said:
        return Answered(code=code)
    why = ": ".join(filter(None, (said.get("error", ""), said.get("error_description", ""))))
    return Answered(refusal=why or "it gave no code")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
