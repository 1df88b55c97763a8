# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a token that was supplied: the option `token`, else VAULT_TOKEN, BAO_TOKEN."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..environment import given, secret_word
from .made import supplied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client
    from .made import Login


@dataclass(frozen=True)
class TokenLogin:
    """A supplied token, not yet tried."""

    token: str = field(repr=False)

    def authenticate(self, client: Client) -> Login:
        """Look the token up. Raises VaultError, RefusedLogin if Vault does not accept it."""
        return supplied(client, self.token)


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> TokenLogin:
    """Take the token from the option or the environment.

    Raises:
        UnusableOption: There is none, or it is not one printable word.
    """
    return TokenLogin(secret_word(given(options, "token", environ, "TOKEN") or "", "Vault token"))
