# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in at Vault with a browser, by a provider that Vault trusts (OpenID Connect; https://openbao.org/api-docs/auth/jwt/).

Vault says where the provider's page is; the browser comes back to this machine with a code; Vault redeems it for whoever
has the nonce of this login, which never leaves this process but to Vault.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import plain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    InvalidRequest,
    MissingPath,
    RefusedLogin,
    UnexpectedAnswer,
    VaultError,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login._made import LoginRequest, log_in_by
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret_options import mount_point, role

from breakglass.client.callback_listener import Callback, Listener, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import Login

USUAL_REDIRECT_URI: Final = "http://localhost:8250/oidc/callback"
"""That of the `vault` and `bao` commands: roles that they use allow it already."""
ANSWER_WITHIN_SECONDS: Final = 300.0
DONE: Final = "Vault has let you in. You can close this page and go back to the terminal."
NOT_DONE: Final = "You are not logged in; the terminal says why. You can close this page."
GO_ON: Final = "Go on in the terminal: it asks for a code now. You can close this page."
_ADVICE: Final = "Log in anew; if it stays so, an admin looks at the role and at what the provider says of you (bound claims, user claim)."


@dataclass(frozen=True)
class BrowserLogin:
    """A login that a person makes in their browser.

    Attributes:
        mount_point: Where Vault's method is mounted.
        role: Its role; empty for the one that Vault takes by itself.
        callback: Where the browser comes back to.
        show: Shows the person the link to open, and may open it.
        ask_code: Asks for the code of a second factor of Vault's, when the browser is done; None to ask for none.
        seconds: How long the person may take.
    """

    mount_point: str
    role: str
    callback: Callback
    show: Callable[[str], None]
    ask_code: Callable[[], str] | None = None
    seconds: float = ANSWER_WITHIN_SECONDS
    _nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises RefusedLogin, NoAnswer, UnusableCallback, VaultError."""
        with listening(self.callback) as listener:
            address = self._address(client, listener.callback.uri)
            state = _state(address)
            self.show(listener.offer(address, state))
            answered = listener.answer(self.seconds)
            if answered.refusal:
                listener.end_with(NOT_DONE)
                raise RefusedLogin(f"The provider did not let you in. It said: {plain(answered.refusal)}.")
            code = self._second_factor(listener)
            try:
                login = self._redeem(client, {"state": state, "code": answered.code}, code)
            except VaultError:
                listener.end_with(NOT_DONE)
                raise
            listener.end_with(DONE)
            return login

    def _second_factor(self, listener: Listener) -> str | None:
        if self.ask_code is None:
            return None
        listener.end_with(GO_ON)
        return self.ask_code()

    def _address(self, client: Client, redirect_uri: str) -> str:
        """Where the provider's page is for this login."""
        path = f"auth/{self.mount_point}/oidc/auth_url"
        asked = {
            "redirect_uri": redirect_uri,
            "client_nonce": self._nonce,
            **({"role": self.role} if self.role else {}),
        }
        try:
            told = section(client.with_token(None).post(path, asked), "data")
        except (DeniedByVault, MissingPath) as error:
            raise RefusedLogin(
                f"Vault at {error.url} offers no login by browser at auth/{self.mount_point}. Check where the method (oidc) is mounted "
                "(--mount-point), and in which namespace.",
                error.failure,
            ) from None
        except InvalidRequest as error:
            said = "; ".join(error.errors) or "no reason given"
            raise RefusedLogin(
                f"Vault at {error.url} does not begin a login by browser at auth/{self.mount_point}: {said}. Check the role (--role).",
                error.failure,
            ) from None
        return _checked(told, redirect_uri)

    def _redeem(self, client: Client, answer: Mapping[str, str], code: str | None) -> Login:
        path = f"auth/{self.mount_point}/oidc/callback"
        query = {**answer, "client_nonce": self._nonce}
        request = LoginRequest("OIDC", path, query, _ADVICE, code)
        return log_in_by(client, request, lambda bare: bare.make(path, query))


def browser_login(
    options: Mapping[str, object], show: Callable[[str], None], ask_code: Callable[[], str] | None
) -> BrowserLogin:
    """Check `mount_point`, `role` and `redirect_uri`. Raises UnusableOption, UnusableCallback."""
    return BrowserLogin(
        mount_point(options, {}, "oidc"),
        role({"role_id": options.get("role")}, {}, "OIDC") or "",
        Callback.parse(str(options.get("redirect_uri") or USUAL_REDIRECT_URI)),
        show,
        ask_code,
    )


def _checked(told: Mapping[str, object], redirect_uri: str) -> str:
    address = told.get("auth_url")
    if told.get("poll_interval"):
        raise RefusedLogin(
            "The role brings the browser back to Vault (its callback_mode is direct or device), and not to this machine. Take one with "
            "callback_mode client (--role)."
        )
    if not address:
        raise RefusedLogin(
            f"Vault does not let a browser come back to {redirect_uri}. An admin adds it to allowed_redirect_uris of the role, or "
            "you name one that stands there: --redirect-uri"
        )
    if isinstance(address, str) and address.isascii() and address.isprintable() and _is_web(address):
        return address
    raise UnexpectedAnswer("Vault names no page to log in at; is this a Vault that we support?")


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _state(address: str) -> str:
    found = parse_qs(urlsplit(address).query).get("state", [])
    if len(found) != 1:
        raise UnexpectedAnswer("Vault begins a login by browser without a state; is this a Vault that we support?")
    return found[0]
