# SPDX-License-Identifier: GPL-3.0-or-later
"""What an access relies on in Vault that is the site's own, and how it should be: database roles, PKI roles.

`vault plan` and `vault apply` say it; they never write what is not ours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .access import AccessSpec, DatabaseRole, PkiHostRole, PkiRole, StaticRole
from .answer import section, truth, whole
from .errors import MissingPath, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .client import Client

LONGEST_DEFAULT: Final = timedelta(minutes=5)
"""How long a database user may live that nobody renews: one whose guard died, or whose answer was lost."""


def advice(client: Client, accesses: Iterable[AccessSpec]) -> list[str]:
    """Sentences about what is missing or would outlive a grant; empty when all is well. Raises VaultError."""
    return [sentence for access in accesses for sentence in _of_access(client, access)]


def _of_access(client: Client, access: AccessSpec) -> Iterator[str]:
    for credential in access.credentials:
        if isinstance(credential, DatabaseRole):
            yield from _of_database(client, access, credential)
        elif isinstance(credential, PkiRole):
            yield from _of_pki(client, access, credential)
        elif isinstance(credential, StaticRole):
            yield from _of_static_role(client, access, credential)


def _of_database(client: Client, access: AccessSpec, wanted: DatabaseRole) -> Iterator[str]:
    title = f"database role {wanted.role} at {wanted.mount}/ (access {access.name})"
    try:
        fields = section(client.get(f"{wanted.mount}/roles/{wanted.role}"), "data")
        first, most = whole(fields, "default_ttl"), whole(fields, "max_ttl")
    except (MissingPath, UnexpectedAnswer):
        yield f"! {title}: it is not there. Make it; an example is in docs/guides/credentials.md."
        return
    if not 0 < first <= LONGEST_DEFAULT.total_seconds():
        yield f"! {title}: default_ttl is {first} s; set 5m or less, since a user that nobody renews lives that long."
    if not 0 < most <= access.max_time_box.total_seconds():
        yield f"! {title}: max_ttl is {most} s; set the access's max_time_box of {_seconds(access.max_time_box)} s or less."
    if not fields.get("revocation_statements"):
        yield f"! {title}: it has no revocation_statements, so open sessions of a dropped user may go on."


def _of_pki(client: Client, access: AccessSpec, wanted: PkiRole) -> Iterator[str]:
    title = f"PKI role {wanted.role} at {wanted.mount}/ (access {access.name})"
    try:
        fields = section(client.get(f"{wanted.mount}/roles/{wanted.role}"), "data")
        leased = truth(fields, "generate_lease")
    except (MissingPath, UnexpectedAnswer):
        yield f"! {title}: it is not there. Make it; an example is in docs/guides/credentials.md."
        return
    if isinstance(wanted, PkiHostRole):
        if leased:
            yield f"! {title}: generate_lease is on, so closing a grant would revoke the host's certificate. Set it to false."
    elif not leased:
        yield f"! {title}: generate_lease is off, so closing a grant could not revoke its certificates. Set it to true."


def _of_static_role(client: Client, access: AccessSpec, wanted: StaticRole) -> Iterator[str]:
    try:
        client.get(f"{wanted.mount}/static-roles/{wanted.role}")
    except MissingPath:
        title = f"static database role {wanted.role} at {wanted.mount}/ (access {access.name})"
        yield f"! {title}: it is not there. Make it; an example is in docs/guides/credentials.md."


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
