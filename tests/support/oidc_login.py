# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenBao as an OpenID Connect provider for its own `oidc` login, and a browser that signs somebody in there.

At the provider's page the browser does what OpenBao's own page does after the login: it asks for a code with the person's
token. As a program (BROWSER="python -m tests.support.oidc_login TOKEN_FILE SEEN_FILE %s") it opens one link.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.request
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

MOUNT = "corp"
ROLE = "people"
REDIRECT = "http://localhost:8250/oidc/callback"
PAGE = "/ui/vault/identity/oidc/provider/corp/authorize"


def offer_browser_login(admin: Client, policies: list[str], **rules: object) -> str:
    """Have Vault let people in by a provider of its own at `auth/corp`; returns the accessor of the mount."""
    client = {"redirect_uris": [REDIRECT, "http://127.0.0.1:8250/oidc/callback"], "assignments": ["allow_all"]}
    admin.post("identity/oidc/client/corp", client)
    admin.post("identity/oidc/provider/corp", {"allowed_client_ids": ["*"], "issuer": admin.connection.url})
    known = section(admin.get("identity/oidc/client/corp"), "data")
    admin.post(f"sys/auth/{MOUNT}", {"type": "oidc"})
    config = {
        "oidc_discovery_url": f"{admin.connection.url}/v1/identity/oidc/provider/corp",
        "oidc_client_id": text(known, "client_id"),
        "oidc_client_secret": text(known, "client_secret"),
        "default_role": ROLE,
    }
    admin.post(f"auth/{MOUNT}/config", config)
    role = {"role_type": "oidc", "user_claim": "sub", "allowed_redirect_uris": [REDIRECT], "token_policies": policies}
    admin.post(f"auth/{MOUNT}/role/{ROLE}", {**role, **rules})
    return text(section(section(admin.get("sys/auth"), "data"), f"{MOUNT}/"), "accessor")


def known_to_provider(admin: Client, entity: str, accessor: str) -> None:
    """Tell Vault that who the provider calls by this entity's id is this entity."""
    admin.post("identity/entity-alias", {"name": entity, "canonical_id": entity, "mount_accessor": accessor})


@dataclass(frozen=True)
class Seen:
    """What a browser was answered."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Browser:
    """One browser; it keeps cookies, and follows a redirect only where it is told to.

    Attributes:
        token: Of who sits before it and is logged in at the provider.
        cookies: What it keeps.
    """

    token: str = field(repr=False)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> Seen:
        """One GET."""
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        try:
            connection.request("GET", parts._replace(scheme="", netloc="").geturl(), headers={**kept, **headers})
            answer = connection.getresponse()
            for line in answer.headers.get_all("set-cookie") or ():
                self.cookies |= {name: cookie.value for name, cookie in SimpleCookie(line).items()}
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Seen(answer.status, given, answer.read().decode())
        finally:
            connection.close()

    def open(self, link: str) -> str:
        """Open the link of the terminal; the address of the provider's page."""
        seen = self.get(link)
        assert seen.status == 302, seen
        return seen.headers["location"]

    def allow(self, address: str) -> str:
        """Sign in at the provider's page; where it sends the browser back to."""
        parts = urlsplit(address)
        assert parts.path == PAGE
        told = dict(parse_qsl(parts.query))
        vault = f"{parts.scheme}://{parts.netloc}/v1/identity/oidc/provider/corp/authorize?{urlencode(told)}"
        request = urllib.request.Request(vault, headers={"X-Vault-Token": self.token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            code = json.loads(answer.read())["code"]
        return f"{told['redirect_uri']}?{urlencode({'code': code, 'state': told['state']})}"

    def sign_in(self, link: str) -> Seen:
        """All the way; what the last page says."""
        return self.get(self.allow(self.open(link)))


def main() -> None:
    """Be the browser that a program of the desktop opens."""
    token, seen, *links = sys.argv[1:]
    last = Browser(Path(token).read_text(encoding="utf-8")).sign_in(links[0])
    Path(seen).write_text(json.dumps({"arguments": links, "status": last.status, "text": last.text}), encoding="utf-8")


if __name__ == "__main__":
    main()
