# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are replaced where they come from: the password of a static database role, or a new version in a store."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from .answer import moment, section, text, whole
from .errors import InvalidRequest, UnusableRequest
from .names import mount_point, role_name, secret_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .client import Client

__all__ = ["KeptValue", "Rotatable", "StaticPassword", "Value"]

RANDOM_BYTES: Final = 24
"""Of a new value in a store: 192 bits, 32 characters that no form, shell or address needs to quote."""


@dataclass(frozen=True)
class Value:
    """What a secret is now.

    Attributes:
        values: Names and values; never shown.
        since: Since when it is this (UTC), by Vault's clock.
        version: Of a secret of a store; 0 for others.
        public: Names of values that are no secret.
    """

    values: Mapping[str, object] = field(repr=False)
    since: datetime
    version: int = 0
    public: frozenset[str] = frozenset()


class Rotatable(Protocol):
    """A secret that can be read and made anew."""

    @property
    def path(self) -> str:
        """Where it is read; raises UnusableRequest for what can't stand in a path."""

    def read(self, client: Client) -> Value:
        """Read it. Raises VaultError."""

    def rotate(self, client: Client, now: Value) -> None:
        """Make it anew, once; `now` is what was read. Raises VaultError."""


@dataclass(frozen=True)
class StaticPassword:
    """The password of a user whom a database engine keeps: a static role. Vault changes it in the database itself."""

    mount: str
    role: str

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"{mount_point(self.mount)}/static-creds/{role_name(self.role)}"

    def read(self, client: Client) -> Value:
        """Read it. Raises VaultError."""
        fields = section(client.get(self.path), "data")
        values = {name: text(fields, name) for name in ("username", "password")}
        return Value(values, moment(fields, "last_vault_rotation"), public=frozenset({"username"}))

    def rotate(self, client: Client, now: Value) -> None:  # noqa: ARG002 (a database keeps no versions)
        """Have Vault change it. Raises VaultError."""
        client.post(f"{mount_point(self.mount)}/rotate-role/{role_name(self.role)}", {})


@dataclass(frozen=True)
class KeptValue:
    """One value of a secret in a key-value store of version 2; the others of the secret stay."""

    mount: str
    secret: str
    key: str

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"{mount_point(self.mount)}/data/{secret_path(self.secret)}"

    def read(self, client: Client) -> Value:
        """Read it. Raises VaultError, UnusableRequest when the secret has no such value."""
        fields = section(client.get(self.path), "data")
        values, metadata = section(fields, "data"), section(fields, "metadata")
        if not isinstance(values.get(self.key), str):
            known = ", ".join(sorted(values)) or "nothing"
            raise UnusableRequest(f"The secret {self.secret} has no text {self.key[:60]!r}. It has: {known}.")
        return Value(values, moment(metadata, "created_time"), whole(metadata, "version"))

    def rotate(self, client: Client, now: Value) -> None:
        """Write a new version with a random value, unless somebody else has meanwhile. Raises VaultError."""
        values = {**now.values, self.key: secrets.token_urlsafe(RANDOM_BYTES)}
        try:
            client.post(self.path, {"data": values, "options": {"cas": now.version}})
        except InvalidRequest as error:
            if any("check-and-set" in line for line in error.errors):
                raise InvalidRequest(
                    f"Somebody else has written {self.secret} meanwhile; this run has written nothing. Run it again.",
                    error.failure,
                ) from None
            raise
