# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Vault says of itself to anybody: product, version, whether it serves, and its clock.

Source: https://openbao.org/api-docs/system/health/ and Vault's page of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from .answer import text, truth, whole
from .errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

# Without these every state but "active" is an error's status, and the answer would be thrown away.
_ALWAYS_200: Final = {
    "standbyok": "true",
    "perfstandbyok": "true",
    "sealedcode": "200",
    "uninitcode": "200",
    "standbycode": "200",
    "drsecondarycode": "200",
}
_LONGEST_VERSION: Final = 60


@dataclass(frozen=True)
class Health:
    """What `sys/health` says.

    Attributes:
        product: `OpenBao` or `Vault`.
        version: As it says it, as `2.7.2`.
        initialized: Whether it has ever been initialised.
        sealed: Whether it is sealed.
        standby: Whether another server of its cluster is the active one.
        server_time: Its clock (UTC), cut to whole seconds.
    """

    product: str
    version: str
    initialized: bool
    sealed: bool
    standby: bool
    server_time: datetime

    @property
    def state(self) -> str:
        """One word or two for people."""
        if not self.initialized:
            return "not initialised"
        if self.sealed:
            return "sealed"
        return "unsealed, on standby" if self.standby else "unsealed"

    @property
    def serves(self) -> bool:
        """Whether it can be worked with: a standby passes requests on."""
        return self.initialized and not self.sealed

    def __str__(self) -> str:
        """Say all of it, as `OpenBao 2.7.2, unsealed`."""
        return f"{self.product} {self.version}, {self.state}"


def read_health(client: Client) -> Health:
    """Ask; needs no token. The client must be in no namespace: only the root namespace answers.

    Raises:
        UnreachableVault: Nobody answers there, or the server is in trouble.
        UnexpectedAnswer: Somebody answers who is no Vault.
        VaultError: It can't be asked.
    """
    return health_of(client.get("sys/health", _ALWAYS_200))


def health_of(answer: Mapping[str, object]) -> Health:
    """Read the answer; raises UnexpectedAnswer."""
    version = text(answer, "version")
    # Only Vault tells whether it is an enterprise's; the versions of OpenBao begin with 2.
    is_vault = "enterprise" in answer or version.startswith(("0.", "1."))
    return Health(
        product="Vault" if is_vault else "OpenBao",
        version=_shown(version),
        initialized=truth(answer, "initialized"),
        sealed=truth(answer, "sealed"),
        standby=truth(answer, "standby"),
        server_time=_moment(whole(answer, "server_time_utc")),
    )


def _shown(version: str) -> str:
    if version.isprintable() and len(version) <= _LONGEST_VERSION:
        return version
    raise UnexpectedAnswer("What answers there tells no version that a Vault has; is this really Vault?")


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise UnexpectedAnswer("What answers there tells no time that a Vault has; is this really Vault?") from None
