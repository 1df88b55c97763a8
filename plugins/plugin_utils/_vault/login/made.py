# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login yields, and how Vault's answer about a token becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..answer import section, text, truth, whole
from ..errors import DeniedByVault, RefusedLogin

if TYPE_CHECKING:
    from ..client import Client


@dataclass(frozen=True)
class Login:
    """A live token of ours or of the operator.

    Attributes:
        token: The token itself; never shown.
        accessor: Its accessor, which can be shown.
        renewable: Whether it can be renewed.
        ttl: What is left of its life; zero means that it does not expire.
        made_by_us: False for a token that was supplied: we never revoke those.
    """

    token: str = field(repr=False)
    accessor: str
    renewable: bool
    ttl: timedelta
    made_by_us: bool


def supplied(client: Client, token: str) -> Login:
    """Look a supplied token up.

    Raises:
        RefusedLogin: Vault denies it.
        VaultError: Vault can't be asked.
    """
    try:
        fields = section(client.with_token(token).get("auth/token/lookup-self"), "data")
    except DeniedByVault as error:
        raise RefusedLogin(
            f"Vault at {error.url} does not accept the token: it is unknown, expired or may not look itself up. Log in again.",
            error.failure,
        ) from None
    return Login(
        token=token,
        accessor=text(fields, "accessor"),
        renewable=truth(fields, "renewable"),
        ttl=timedelta(seconds=whole(fields, "ttl")),
        made_by_us=False,
    )
