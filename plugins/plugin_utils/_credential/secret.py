# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret for this run, read or made, in a file of the form that its reader wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar

from .._vault.lease import renew_lease
from .._vault.secret import Engine, Secret, SecretRequest, read_secret
from . import forms
from .holding import Fate
from .order import Obtained, UnusableOrder, used_or_taken_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._journal.canonical import JsonValue
    from .._vault.client import Client

FORMS = ("environment", "json", "plain")
_SHORTEST_SECRET = 4
_SLACK = timedelta(seconds=2)


@dataclass(frozen=True)
class SecretOrder:
    """A secret and the form of its file.

    Attributes:
        name: What the run calls it.
        request: What Vault is asked for.
        form: One of FORMS.
        key: The one value that `plain` writes.
    """

    kind: ClassVar[str] = "secret"
    name: str
    request: SecretRequest
    form: str
    key: str

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if (self.form == "plain") != bool(self.key):
            raise UnusableOrder("format: plain writes one value of the secret, named by key; other formats write all.")

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"the secret {self.request.vault_path}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order; parameters count by their names, since their values may be secret."""
        return {
            "path": self.request.vault_path,
            "version": self.request.version,
            "parameters": sorted(self.request.parameters) if self.request.parameters is not None else None,
            "form": self.form,
            "key": self.key,
        }

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        """Read it, or have it made. Raises VaultError."""
        secret = read_secret(client, self.request)
        with used_or_taken_back(client, secret.lease):
            files = self._files(secret)
            life = _clamped(client, secret, left)
        return Obtained(
            what=f"{self.what} (version {secret.version})" if secret.version else self.what,
            fate=_fate(self.request.engine, secret),
            expires_at=datetime.now(tz=timezone.utc) + life if life is not None else None,
            facts={"version": secret.version, "key_names": sorted(secret.values)},
            files=files,
            secrets=tuple(text for text in _texts(secret.values) if len(text) >= _SHORTEST_SECRET),
            lease=secret.lease,
        )

    def _files(self, secret: Secret) -> dict[str, bytes]:
        if self.form == "environment":
            return {"environment": forms.environment(secret.values).encode()}
        if self.form == "json":
            return {"secret.json": forms.json_text(secret.values).encode()}
        return {"secret": forms.plain(secret.values, self.key).encode()}


def _texts(value: object) -> Iterator[str]:
    """Every text and number in a value, however deep; a truth value is no secret."""
    if isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _clamped(client: Client, secret: Secret, left: timedelta) -> timedelta | None:
    if secret.lease is None:
        return None
    if secret.lease.life <= left or not secret.lease.renewable:
        return secret.lease.life  # closing revokes it all the same
    life = renew_lease(client, secret.lease.lease_id, left)
    if life > left + _SLACK:
        raise UnusableOrder(
            f"Vault would let this secret live for {life.total_seconds():.0f} s, longer than the "
            f"{left.total_seconds():.0f} s that are left of the grant; it was taken back. Lower the life that its engine gives."
        )
    return life


def _fate(engine: Engine, secret: Secret) -> Fate:
    if secret.lease is not None:
        return Fate.REVOKED
    return Fate.LIVES if engine is Engine.DYNAMIC else Fate.READ
