# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that Vault keeps (key-value stores) or makes (any other engine), as names and values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from .answer import section, whole
from .errors import MissingPath, UnexpectedAnswer, UnusableRequest
from .lease import Lease, read_lease
from .names import mount_point, secret_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

__all__ = ["Engine", "Secret", "SecretRequest", "read_secret"]


class Engine(Enum):
    """What is asked."""

    KV2 = "kv2"
    """A key-value store of version 2."""

    KV1 = "kv1"
    """A key-value store of version 1."""

    DYNAMIC = "dynamic"
    """An engine that makes a secret anew each time it is asked: cloud, Kubernetes, RabbitMQ, LDAP and others."""


@dataclass(frozen=True)
class SecretRequest:
    """A secret that is asked for.

    Attributes:
        engine: What kind of engine.
        mount: Where it is mounted.
        path: Path of the secret below it.
        version: Of a KV2 secret; 0 for the newest.
        parameters: What is sent to a dynamic engine; None to read without sending anything.

    Raises:
        UnusableRequest: A version or parameters for an engine that takes none.
    """

    engine: Engine
    mount: str
    path: str
    version: int = 0
    parameters: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.version and self.engine is not Engine.KV2:
            raise UnusableRequest("Only the secrets of a key-value store of version 2 have versions: drop version.")
        if self.parameters is not None and self.engine is not Engine.DYNAMIC:
            raise UnusableRequest("Only dynamic engines take parameters: drop them, or set engine: dynamic.")

    @property
    def vault_path(self) -> str:
        """Where it is asked for. Raises UnusableRequest for what can't stand in a path."""
        between = "/data/" if self.engine is Engine.KV2 else "/"
        return f"{mount_point(self.mount)}{between}{secret_path(self.path)}"


@dataclass(frozen=True)
class Secret:
    """What Vault gave.

    Attributes:
        values: Names and values; never shown.
        lease: By which Vault takes it back; None for what is only read.
        version: Of a KV2 secret; 0 where there are none.
    """

    values: Mapping[str, object] = field(repr=False)
    lease: Lease | None
    version: int


def read_secret(client: Client, request: SecretRequest) -> Secret:
    """Read a secret, or have it made.

    Raises:
        MissingPath: There is none, or this version of it is deleted.
        DeniedByVault: The grant's access does not open it.
        VaultError: Vault refuses or can't be asked; `outcome_unknown` tells whether something may have been made.
    """
    if request.engine is Engine.DYNAMIC:
        return _made(client, request)
    try:
        answer = client.get(request.vault_path, {"version": str(request.version)} if request.version else None)
    except MissingPath as error:
        raise MissingPath(
            f"There is no secret {request.path} in {request.mount}/, or this version of it is deleted. Check path, "
            "engine_mount_point and version.",
            error.failure,
        ) from None
    if request.engine is Engine.KV1:
        return Secret(section(answer, "data"), None, 0)
    fields = section(answer, "data")
    found = whole(section(fields, "metadata"), "version")
    if request.version and found != request.version:
        raise UnexpectedAnswer(f"Vault gave version {found} of {request.path}, asked was {request.version}.")
    return Secret(section(fields, "data"), None, found)


def _made(client: Client, request: SecretRequest) -> Secret:
    path = request.vault_path
    answer = client.make(path) if request.parameters is None else client.post(path, request.parameters)
    return Secret(section(answer, "data"), read_lease(answer), 0)
