# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with an AppRole: `role_id` with `secret_id`, or with `wrapped_secret_id`, a single-use token that holds one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import UnusableOption
from ..names import APPROLE_MOUNT
from ..secrecy import KeptInProcess
from ..secret_options import mount_point, needed_word, optional_word
from ._made import Login, LoginRequest, log_in
from ._wrapped import unwrap_secret_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

_ADVICE = "Check the role id, and issue a new secret id if this one expired."


@dataclass(frozen=True)
class AppRoleLogin(KeptInProcess):
    """Role id and secret id, not yet tried."""

    role_id: str = field(repr=False)
    secret_id: str = field(repr=False)
    mount_point: str = APPROLE_MOUNT

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises VaultError, RefusedLogin if Vault does not accept the pair."""
        body = {"role_id": self.role_id, "secret_id": self.secret_id}
        return log_in(client, LoginRequest("AppRole", f"auth/{self.mount_point}/login", body, _ADVICE))


@dataclass(frozen=True)
class WrappedAppRoleLogin(KeptInProcess):
    """Role id, and a wrapping token with the secret id in it; good for one login."""

    role_id: str = field(repr=False)
    wrapped_secret_id: str = field(repr=False)
    mount_point: str = APPROLE_MOUNT

    def authenticate(self, client: Client) -> Login:
        """Unwrap, then log in.

        Raises:
            UsedWrapping: Somebody has unwrapped it before: an alarm.
            RefusedLogin: Vault does not accept the pair.
            VaultError: Vault can't be asked.
        """
        secret_id = unwrap_secret_id(client, self.wrapped_secret_id, self.mount_point)
        return AppRoleLogin(self.role_id, secret_id, self.mount_point).authenticate(client)


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> AppRoleLogin | WrappedAppRoleLogin:
    """Take role id and secret id from options, files or environment, in this order.

    Raises:
        UnusableOption: One is missing or can't be read, or the secret id is given plain and wrapped.
    """
    mount = mount_point(options, environ, APPROLE_MOUNT)
    role_id = needed_word("role_id", options, environ, "AppRole")
    wrapped = optional_word("wrapped_secret_id", options, environ, "AppRole")
    if wrapped is None:
        return AppRoleLogin(role_id, needed_word("secret_id", options, environ, "AppRole"), mount)
    if optional_word("secret_id", options, environ, "AppRole") is not None:
        raise UnusableOption("The AppRole login got both secret_id and wrapped_secret_id. Give it one of them.")
    return WrappedAppRoleLogin(role_id, wrapped, mount)
