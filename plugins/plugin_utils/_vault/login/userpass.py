# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a name and a password that Vault keeps, and a second factor where Vault wants one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..secrecy import KeptInProcess
from ..secret_options import mount_point, passcode, password, username
from ._made import Login, LoginRequest, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

_ADVICE = "Check name and password; too many wrong ones lock the user out for a while."


@dataclass(frozen=True)
class UserpassLogin(KeptInProcess):
    """Name, password and perhaps the second factor's passcode, not yet tried."""

    username: str
    password: str = field(repr=False)
    passcode: str | None = field(default=None, repr=False)
    mount_point: str = "userpass"

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises VaultError, RefusedLogin if Vault does not accept name, password or passcode."""
        path = f"auth/{self.mount_point}/login/{self.username}"
        request = LoginRequest("userpass", path, {"password": self.password}, _ADVICE, self.passcode)
        return log_in(client, request)


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> UserpassLogin:
    """Take `username`, `password` (or `password_file`, VAULT_PASSWORD) and `mfa_passcode`.

    Raises:
        UnusableOption: Name or password is missing or can't be used.
    """
    return UserpassLogin(
        username=username(options, environ, "userpass"),
        password=password(options, environ, "userpass"),
        passcode=passcode(options, environ),
        mount_point=mount_point(options, environ, "userpass"),
    )
