# SPDX-License-Identifier: GPL-3.0-or-later
"""Database users that Vault makes for a grant and drops with it (Vault's database engine, dynamic roles)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .answer import section, text
from .errors import UnexpectedAnswer
from .lease import Lease, read_lease
from .names import mount_point, role_name

if TYPE_CHECKING:
    from .client import Client

__all__ = ["DatabaseUser", "database_path", "database_user"]


@dataclass(frozen=True)
class DatabaseUser:
    """A fresh user of a database.

    Attributes:
        username: Its name, which Vault chose.
        password: Never shown.
        lease: By which Vault drops it.
    """

    username: str
    password: str = field(repr=False)
    lease: Lease


def database_path(mount: str, role: str) -> str:
    """Return the path under which users of a role are made. Raises UnusableRequest for what can't stand in a path."""
    return f"{mount_point(mount)}/creds/{role_name(role)}"


def database_user(client: Client, mount: str, role: str) -> DatabaseUser:
    """Have a user made.

    Raises:
        DeniedByVault: The grant's access does not open this role.
        UnexpectedAnswer: There is no lease: the role is a static one, whose user nobody would drop.
        VaultError: Vault refuses or can't be asked; `outcome_unknown` tells whether a user may have been made.
    """
    answer = client.make(database_path(mount, role))
    lease = read_lease(answer)
    if lease is None:
        raise UnexpectedAnswer(f"The database role {role} gives users without a lease, which nobody could drop again.")
    fields = section(answer, "data")
    return DatabaseUser(text(fields, "username"), text(fields, "password"), lease)
