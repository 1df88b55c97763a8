# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's own session: a periodic AppRole token that is the parent of every grant that it mints.

When it ends, by revocation or because it was not renewed within its period, all of its grants end with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from .answer import moment, optional_text, section, text, texts, truth, whole

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class Session:
    """What Vault says of a token, without the token.

    Attributes:
        accessor: Its accessor.
        ttl: What is left of its life; zero means that it does not expire.
        renewable: Whether it can be renewed.
        policies: Policies of the token itself.
        identity_policies: Policies of its entity and groups; a runner must not have any.
        entity_id: Its entity, or empty.
        display_name: The name that its login method gave it, as `userpass-ada`, or empty.
    """

    accessor: str
    ttl: timedelta
    renewable: bool
    policies: frozenset[str]
    identity_policies: frozenset[str]
    entity_id: str
    display_name: str = ""


def lookup(client: Client) -> Session:
    """Return what Vault says of the client's own token.

    Raises:
        DeniedByVault: The token is dead, or may not look itself up.
        VaultError: Vault can't be asked.
    """
    fields = section(client.get("auth/token/lookup-self"), "data")
    return Session(
        accessor=text(fields, "accessor"),
        ttl=timedelta(seconds=whole(fields, "ttl")),
        renewable=truth(fields, "renewable"),
        policies=frozenset(texts(fields, "policies")),
        identity_policies=frozenset(texts(fields, "identity_policies")),
        entity_id=optional_text(fields, "entity_id"),
        display_name=optional_text(fields, "display_name"),
    )


def box_left(client: Client) -> timedelta:
    """Return what is left until the explicit end of the client's own token, by Vault's clock alone.

    Raises:
        UnexpectedAnswer: The token has no such end, so it is no grant.
        DeniedByVault: The token is dead.
        VaultError: Vault can't be asked.
    """
    fields = section(client.get("auth/token/lookup-self"), "data")
    now = moment(fields, "expire_time") - timedelta(seconds=whole(fields, "ttl"))
    return moment(fields, "issue_time") + timedelta(seconds=whole(fields, "explicit_max_ttl")) - now


def renew(client: Client) -> timedelta:
    """Renew the client's own token and return what is left of its life now.

    Raises:
        DeniedByVault: The token is dead.
        InvalidRequest: It is not renewable.
        VaultError: Vault can't be asked.
    """
    fields = section(client.post("auth/token/renew-self", {}), "auth")
    return timedelta(seconds=whole(fields, "lease_duration"))


def revoke(client: Client) -> None:
    """End the client's own session, and with it every grant that it minted. Raises VaultError."""
    client.post("auth/token/revoke-self", {})


def revoke_other(client: Client, accessor: str) -> None:
    """End another session, as after a restart or a takeover the one that died; one that is gone is no error.

    Raises:
        VaultError: It could not be asked for. Success is no proof: `closing.close` proves.
    """
    client.post("auth/token/revoke-accessor", {"accessor": accessor})
