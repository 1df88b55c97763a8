# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of credential must be able to say and do. One file here for each kind."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .._errors import BreakglassError
from .._vault.lease import revoke_lease

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from .._journal.canonical import JsonValue
    from .._vault.client import Client
    from .._vault.lease import Lease
    from .holding import Fate

__all__ = ["LeftLease", "Obtained", "Order", "UnusableOrder", "used_or_taken_back"]


class UnusableOrder(BreakglassError):
    """Raised when a credential is asked for in a way that can't be fulfilled."""


class LeftLease(BreakglassError):
    """Raised when what was made can't be used and could not be taken back, either: closing the grant must do it.

    Attributes:
        lease: By which.
    """

    def __init__(self, sentence: str, lease: Lease) -> None:
        """Keep the lease, which must be journalled."""
        super().__init__(sentence)
        self.lease = lease


@contextmanager
def used_or_taken_back(client: Client, lease: Lease | None) -> Iterator[None]:
    """What was made, and turns out in this block not to be of use, is taken back.

    Raises:
        LeftLease: It could not be taken back.
    """
    try:
        yield
    except BreakglassError as error:
        if lease is not None:
            _take_back(client, lease, error)
        raise


def _take_back(client: Client, lease: Lease, error: BreakglassError) -> None:
    try:
        revoke_lease(client, lease.lease_id)
    except BreakglassError as failure:
        raise LeftLease(f"{error} It could not be taken back now: {failure} Closing does it.", lease) from None


@dataclass(frozen=True)
class Obtained:
    """A credential.

    Attributes:
        what: What it is, in words, for the journal: no secret.
        fate: What becomes of it at closing.
        expires_at: When it is over if nobody renews it; None when it does not end.
        facts: What the module returns and the journal keeps: no secret.
        files: File names below the credential's directory, and their contents.
        secrets: What must be masked wherever it shows up.
        lease: By which it is taken back, if Vault keeps one.
    """

    what: str
    fate: Fate
    expires_at: datetime | None
    facts: Mapping[str, JsonValue]
    files: Mapping[str, bytes] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    lease: Lease | None = None


class Order(Protocol):
    """A credential that is asked for, its options already checked."""

    @property
    def kind(self) -> str:
        """ssh, ssh_host, database, pki, pki_host, secret or rotation."""

    @property
    def name(self) -> str:
        """What the run calls it; its directory is called so, too."""

    @property
    def what(self) -> str:
        """What is asked for, in words: no secret."""

    def identity(self) -> dict[str, JsonValue]:
        """Everything that makes it another order: no secret."""

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        """Ask for it, once. `left` is what is left of the time box. Raises VaultError, UnusableOrder."""
