# SPDX-License-Identifier: GPL-3.0-or-later
"""Login methods: one file each, `validate` (options in, method out, no request) apart from `authenticate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..environment import given, text_option
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
    """Choose by the option `auth_method` (token, approle) and check that method's options.

    `token` takes the option `token`, else VAULT_TOKEN or BAO_TOKEN, else the token file. Without `auth_method` it is
    `approle` where a role id is given or in the environment and no token is, as AWX hands it over; else `token`.

    Raises:
        UnusableOption: An unknown method, or one whose options can't be used.
    """
    has_token = given(options, "token", environ, "TOKEN") is not None
    has_role = given(options, "role_id", environ, "ROLE_ID") is not None
    chosen = text_option(options, "auth_method") or ("approle" if has_role and not has_token else "token")
    if chosen == "approle":
        return approle.validate(options, environ)
    if chosen != "token":
        raise UnusableOption("The login method (auth_method) must be token or approle; others are not supported yet.")
    if has_token:
        return token.validate(options, environ)
    return token_file.validate(options, environ)
