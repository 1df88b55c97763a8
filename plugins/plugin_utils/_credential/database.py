# SPDX-License-Identifier: GPL-3.0-or-later
"""A database user for this run, in the forms in which clients read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar

from .._vault.database import DatabaseUser, database_path, database_user
from .._vault.lease import renew_lease
from . import forms
from .holding import Fate
from .order import Obtained, UnusableOrder, used_or_taken_back

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .._journal.canonical import JsonValue
    from .._vault.client import Client

FORMS = ("pgpass", "my_cnf", "environment", "plain")
CLIENTS = "clients"
"""For people, of whose database we do not know the kind: what psql reads, and what mysql reads."""
_SLACK = timedelta(seconds=2)


@dataclass(frozen=True)
class DatabaseOrder:
    """A user of a dynamic role.

    Attributes:
        name: What the run calls it.
        mount: Where the database engine is mounted.
        role: The engine's role.
        form: How it is written: one of FORMS, or CLIENTS.
        server: host, port and database, for the forms that name them; `*` matches any in a password file.
        directory: Where its files will lie, since a service file names the password file.
    """

    kind: ClassVar[str] = "database"
    name: str
    mount: str
    role: str
    form: str
    directory: Path
    server: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"a database user of {database_path(self.mount, self.role)}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        return {"path": database_path(self.mount, self.role), "form": self.form, "server": dict(self.server)}

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        """Have the user made, for no longer than what is left. Raises VaultError."""
        user = database_user(client, self.mount, self.role)
        with used_or_taken_back(client, user.lease):
            files = self._files(user)
            life = self._clamped(client, user, left)
        return Obtained(
            what=f"database user {user.username}",
            fate=Fate.REVOKED,
            expires_at=datetime.now(tz=timezone.utc) + life,
            facts={"username": user.username},
            files=files,
            secrets=(user.password,),
            lease=user.lease,
        )

    def _clamped(self, client: Client, user: DatabaseUser, left: timedelta) -> timedelta:
        """Vault gives a user its role's life, whatever is left of the grant; a renewal can shorten it."""
        if user.lease.life <= left:
            return user.lease.life
        life = renew_lease(client, user.lease.lease_id, left) if user.lease.renewable else user.lease.life
        if life > left + _SLACK:
            raise UnusableOrder(
                f"Vault would let the database user {user.username} live for {life.total_seconds():.0f} s, longer than the "
                f"{left.total_seconds():.0f} s that are left of the grant; it was dropped. Lower default_ttl of the role {self.role}."
            )
        return life

    def _files(self, user: DatabaseUser) -> dict[str, bytes]:
        if self.form == "pgpass":
            return self._for_libpq(user)
        if self.form == "my_cnf":
            return self._for_mysql(user)
        if self.form == CLIENTS:
            return {**self._for_libpq(user), **self._for_mysql(user)}
        if self.form == "environment":
            values = {"DATABASE_USERNAME": user.username, "DATABASE_PASSWORD": user.password}
            return {"environment": forms.environment(values).encode()}
        return {"username": user.username.encode(), "password": user.password.encode()}

    def _for_libpq(self, user: DatabaseUser) -> dict[str, bytes]:
        passfile = str(self.directory / "pgpass")
        return {
            "pgpass": forms.pgpass(self.server, user.username, user.password).encode(),
            "pg_service.conf": forms.pg_service(self.server, user.username, passfile).encode(),
        }

    def _for_mysql(self, user: DatabaseUser) -> dict[str, bytes]:
        return {"my.cnf": forms.my_cnf(self.server, user.username, user.password).encode()}
