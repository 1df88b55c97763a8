# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a token that was supplied: the option `token`, else VAULT_TOKEN, BAO_TOKEN, else the token file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..environment import given, secret_word
from ..secrecy import KeptInProcess
from . import token_file
from ._made import supplied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client
    from ._made import Login


@dataclass(frozen=True)
class TokenLogin(KeptInProcess):
    """A supplied token, not yet tried."""

    token: str = field(repr=False)

    def authenticate(self, client: Client) -> Login:
        """Look the token up. Raises VaultError, RefusedLogin if Vault does not accept it."""
        return supplied(client, self.token)


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> TokenLogin | token_file.TokenFileLogin:
    """Take the token from the option or the environment, and without one the token file.

    Raises:
        UnusableOption: There is none at all, or it is not one printable word.
    """
    word = given(options, "token", environ, "TOKEN")
    if word is None:
        return token_file.validate(options, environ)
    return TokenLogin(secret_word(word, "Vault token"))
