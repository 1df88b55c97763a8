# SPDX-License-Identifier: GPL-3.0-or-later
"""Login methods: one file each, `validate` (options in, method out, no request) apart from `authenticate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..environment import text_option, variable
from ..errors import UnusableOption
from . import approle, token, token_file
from .made import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

__all__ = ["Login", "LoginMethod", "login_method"]


class LoginMethod(Protocol):
    """One way to get a token, its options already checked."""

    def authenticate(self, client: Client) -> Login:
        """Return the login, proven alive. Raises VaultError, RefusedLogin if Vault does not accept it."""
        ...


def login_method(options: Mapping[str, object], environ: Mapping[str, str]) -> LoginMethod:
    """Choose by the option `auth_method` (token, approle; default token) and check that method's options.

    `token` takes the option `token`, else VAULT_TOKEN or BAO_TOKEN, else the token file.

    Raises:
        UnusableOption: An unknown method, or one whose options can't be used.
    """
    chosen = text_option(options, "auth_method") or "token"
    if chosen == "approle":
        return approle.validate(options, environ)
    if chosen != "token":
        raise UnusableOption("The login method (auth_method) must be token or approle; others are not supported yet.")
    if text_option(options, "token") or variable(environ, "TOKEN"):
        return token.validate(options, environ)
    return token_file.validate(options, environ)
