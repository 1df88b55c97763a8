# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with an AppRole: `role_id` and `secret_id`, or `role_id_file` and `secret_id_file`, or VAULT_ROLE_ID and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..answer import section, text, truth, whole
from ..environment import secret_file, secret_word, text_option, variable
from ..errors import DeniedByVault, InvalidRequest, RefusedLogin, UnusableOption
from ..names import APPROLE_MOUNT
from .made import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

_MOUNT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True)
class AppRoleLogin:
    """Role id and secret id, not yet tried."""

    role_id: str = field(repr=False)
    secret_id: str = field(repr=False)
    mount_point: str = APPROLE_MOUNT

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises VaultError, RefusedLogin if Vault does not accept the pair."""
        path = f"auth/{self.mount_point}/login"
        try:
            answer = client.with_token(None).post(path, {"role_id": self.role_id, "secret_id": self.secret_id})
        except (InvalidRequest, DeniedByVault) as error:
            said = "; ".join(error.errors) or "no reason given"
            raise RefusedLogin(
                f"Vault at {error.url} refused the AppRole login at {path}: {said}. "
                "Check the role id, and issue a new secret id if this one expired.",
                error.failure,
            ) from None
        fields = section(answer, "auth")
        return Login(
            token=text(fields, "client_token"),
            accessor=text(fields, "accessor"),
            renewable=truth(fields, "renewable"),
            ttl=timedelta(seconds=whole(fields, "lease_duration")),
            made_by_us=True,
        )


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> AppRoleLogin:
    """Take role id and secret id from options, files or environment, in this order.

    Raises:
        UnusableOption: One is missing or can't be read.
    """
    mount_point = text_option(options, "mount_point") or APPROLE_MOUNT
    if not _MOUNT.fullmatch(mount_point):
        raise UnusableOption("The mount point of the AppRole login may hold letters, digits, dot, dash and slash only.")
    return AppRoleLogin(
        role_id=_word("role_id", options, environ),
        secret_id=_word("secret_id", options, environ),
        mount_point=mount_point,
    )


def _word(name: str, options: Mapping[str, object], environ: Mapping[str, str]) -> str:
    purpose = f"AppRole {name}"
    if word := text_option(options, name):
        return secret_word(word, purpose)
    if path := text_option(options, f"{name}_file"):
        return secret_file(Path(path).expanduser(), purpose)
    if word := variable(environ, name.upper()):
        return secret_word(word, purpose)
    raise UnusableOption(f"The AppRole login needs {name}: set {name}, {name}_file or VAULT_{name.upper()}.")
