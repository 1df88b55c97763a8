# SPDX-License-Identifier: GPL-3.0-or-later
"""A phone's part of the pages by plain HTTP, so that each header can be looked at, left out, or forged.

At Vault it does what Vault's own page does after the login: it asks for a code with the person's token. That the real page
does so is what test_pages_in_a_browser.py shows.
"""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.office import Member, Office

FORM = "application/x-www-form-urlencoded"
SESSION, BEGUN = "__Host-breakglass", "__Host-breakglass-sign-in"


@dataclass(frozen=True)
class Seen:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Phone:
    """One browser of one person.

    Attributes:
        office: Where the runner is.
        cookies: What it keeps.
    """

    office: Office
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Seen:
        """Look at a page, as after typing its address."""
        return self.send("GET", path, b"", headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Seen:
        """Send a form as from a page of the runner; headers override what a browser would send, and an empty one leaves it out."""
        usual = {"origin": self.office.runner.url, "sec_fetch_site": "same-origin", "content_type": FORM}
        return self.send("POST", path, urlencode(fields).encode(), {**usual, **headers})

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Seen:
        """One request."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if self.cookies:
            given.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection = http.client.HTTPConnection(urlsplit(self.office.runner.url).netloc, timeout=60)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            seen = Seen(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
            for line in answer.headers.get_all("set-cookie") or ():
                self._keep(line)
            return seen
        finally:
            connection.close()

    def sign_in(self, who: Member, incident: str = "") -> Seen:
        """All the way; what the last page said."""
        return self.get(self.back_from_vault(who, self.begin(incident)))

    def begin(self, incident: str = "") -> Mapping[str, str]:
        """Begin; what Vault's page is told."""
        address = self.get(f"/sign-in?incident={incident}").headers["location"]
        assert address.startswith(f"{self.office.site.vault.url}/ui/vault/identity/oidc/provider/breakglass/authorize?")
        return dict(parse_qsl(urlsplit(address).query))

    def back_from_vault(self, who: Member, told: Mapping[str, str]) -> str:
        """Where Vault sends the browser of who is logged in there: path and query at the runner."""
        vault = self.office.admin.with_token(who.token)
        code = text(vault.get("identity/oidc/provider/breakglass/authorize", told), "code")
        return f"/signed-in?{urlencode({'code': code, 'state': told['state']})}"

    def form_token(self, path: str) -> str:
        """What the forms of a page carry."""
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.get(path).text)
        assert found
        return found[1]

    def _keep(self, line: str) -> None:
        for name, cookie in SimpleCookie(line).items():
            self.cookies.pop(name, None)
            if cookie.value and cookie["max-age"] != "0":
                self.cookies[name] = cookie.value
