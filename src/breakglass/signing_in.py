# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in with a browser: Vault's own page asks for name and password, and tells us who it was.

OpenID Connect, authorization code flow with PKCE (RFC 6749, RFC 7636) and a public client: there is no secret of ours, and
neither a password nor a token of Vault's comes here. What has to be remembered meanwhile is derived from one secret
that the browser keeps, so that any runner can finish what another one has begun.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    InvalidRequest,
    MissingPath,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    SIGN_IN_CLIENT_PATH,
    SIGN_IN_PROVIDER_PATH,
)

from breakglass.errors import BreakglassError
from breakglass.settings_addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.domain.requests import Person
    from breakglass.identity import Identity

LONGEST_CODE = 512


class NoSignIn(BreakglassError):
    """Raised when nobody can sign in with a browser, because it was not set up."""


class FailedSignIn(BreakglassError):
    """Raised when what came back from Vault is not the end of what this browser has begun."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that a browser has begun.

    Attributes:
        secret: 256 random bits that this browser alone knows.
    """

    secret: str = field(repr=False)

    @property
    def state(self) -> str:
        """Comes back with the answer: it belongs to this browser (RFC 6749, 10.12)."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Comes back inside of the token: it was made for this sign-in."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Who has it may redeem the code (RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What Vault is told of the verifier beforehand."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _base64(hmac.digest(self.secret.encode(errors="replace"), purpose.encode(), "sha256"))


@dataclass(frozen=True)
class SignIn:
    """Signs people in.

    Attributes:
        identity: Says who people are.
        vault_url: Where browsers find Vault.
        signed_in_url: Where Vault sends them back to; empty when there is no such address.
    """

    identity: Identity
    vault_url: str
    signed_in_url: str

    def address(self, begun: Begun) -> str:
        """Where the browser goes now: a page of Vault's. Raises NoSignIn, BreakglassError."""
        self._check_address()
        client = self.identity.session.client()
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self._client_id(client),
            "redirect_uri": self.signed_in_url,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        page = urlsplit(text(_discovered(client), "authorization_endpoint")).path
        return f"{self.vault_url}{page}?{urlencode(query)}"

    def finish(self, begun: Begun, state: str, code: str) -> Person:
        """Tell who has signed in.

        Raises:
            FailedSignIn: Not what this browser has begun, or Vault does not stand by it (any more).
            UnknownPerson: Nobody that Vault knows now.
            BreakglassError: Vault can't be asked.
        """
        if not hmac.compare_digest(state.encode(errors="replace"), begun.state.encode()):
            raise _failed("it was begun in another browser, or too long ago")
        if not 0 < len(code) <= LONGEST_CODE:
            raise _failed("Vault gave no code")
        self._check_address()
        client = self.identity.session.client()
        client_id = self._client_id(client)
        claims = self.identity.claims(self._token(client, client_id, begun, code), client_id)
        if claims.get("nonce") != begun.nonce or claims.get("iss") != _discovered(client).get("issuer"):
            raise _failed("Vault's answer is one for somebody else")
        return self.identity.now(str(claims["sub"]))

    def _token(self, client: Client, client_id: str, begun: Begun, code: str) -> str:
        asked = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "redirect_uri": self.signed_in_url,
            "code_verifier": begun.verifier,
        }
        try:
            return text(client.post(f"{SIGN_IN_PROVIDER_PATH}/token", asked), "id_token")
        except (InvalidRequest, DeniedByVault):
            raise _failed("Vault does not take its code: it was used, or is too old") from None

    def _client_id(self, client: Client) -> str:
        try:
            return text(section(client.get(SIGN_IN_CLIENT_PATH), "data"), "client_id")
        except (MissingPath, DeniedByVault):
            raise NoSignIn(
                "Vault is not prepared for signing in here: an admin runs `breakglass vault apply` once more."
            ) from None

    def _check_address(self) -> None:
        if not self.signed_in_url:
            raise NoSignIn("Nobody can sign in here: the runner's settings have no `public_url`.")
        parts = urlsplit(self.signed_in_url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise NoSignIn("Nobody can sign in here: `public_url` is http, and browsers keep a session by https alone.")


def _discovered(client: Client) -> Mapping[str, object]:
    return client.get(f"{SIGN_IN_PROVIDER_PATH}/.well-known/openid-configuration")


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def _failed(why: str) -> FailedSignIn:
    return FailedSignIn(f"You are not signed in: {why}. Start again from the link in the message.")
