# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a name and a password of the company's directory, and a second factor where Vault wants one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..secrecy import KeptInProcess
from ..secret_options import mount_point, passcode, password, username
from ._made import Login, LoginRequest, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

_ADVICE = "Check name and password; too many wrong ones may lock the account in the directory."


@dataclass(frozen=True)
class LdapLogin(KeptInProcess):
    """Name, password and perhaps the second factor's passcode, not yet tried."""

    username: str
    password: str = field(repr=False)
    passcode: str | None = field(default=None, repr=False)
    mount_point: str = "ldap"

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises VaultError, RefusedLogin if Vault does not accept name, password or passcode."""
        path = f"auth/{self.mount_point}/login/{self.username}"
        return log_in(client, LoginRequest("LDAP", path, {"password": self.password}, _ADVICE, self.passcode))


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> LdapLogin:
    """Take `username`, `password` (or `password_file`, VAULT_PASSWORD) and `mfa_passcode`.

    Raises:
        UnusableOption: Name or password is missing or can't be used.
    """
    return LdapLogin(
        username=username(options, environ, "LDAP"),
        password=password(options, environ, "LDAP"),
        passcode=passcode(options, environ),
        mount_point=mount_point(options, environ, "ldap"),
    )
