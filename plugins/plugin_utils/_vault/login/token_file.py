# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with the token that `vault login` or `bao login` left in a file (default: ~/.vault-token)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..environment import given, home, secret_file
from ..errors import UnusableOption
from ._made import supplied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client
    from ._made import Login

_NAME: Final = ".vault-token"


@dataclass(frozen=True)
class TokenFileLogin:
    """A file that was there when the options were checked."""

    path: Path

    def authenticate(self, client: Client) -> Login:
        """Read the file and look its token up. Raises VaultError, RefusedLogin if Vault does not accept it."""
        return supplied(client, secret_file(self.path, "Vault token"))


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> TokenFileLogin:
    """Find the file: `token_path` (directory, default the home) and `token_file` (name, default .vault-token).

    Raises:
        UnusableOption: There is no such file, and so no token at all.
    """
    directory = Path(given(options, "token_path", environ, "TOKEN_PATH") or home(environ)).expanduser()
    path = directory / (given(options, "token_file", environ, "TOKEN_FILE") or _NAME)
    if not path.is_file():
        raise UnusableOption(
            f"No Vault token is known. Set VAULT_TOKEN, log in so that {path} is written, or choose another auth_method."
        )
    return TokenFileLogin(path)
