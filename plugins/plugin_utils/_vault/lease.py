# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases: Vault's handles on what it made for a grant, and by which it takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from .answer import optional_text, truth, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

__all__ = ["Lease", "read_lease", "renew_lease", "revoke_lease"]


@dataclass(frozen=True)
class Lease:
    """One lease.

    Attributes:
        lease_id: Its name; can be shown, and revoked by whoever may.
        life: How long it lives if nobody renews it.
        renewable: Whether it can be renewed.
    """

    lease_id: str
    life: timedelta
    renewable: bool


def read_lease(answer: Mapping[str, object]) -> Lease | None:
    """Return the lease of an answer, None when Vault keeps no hand on what it gave. Raises UnexpectedAnswer."""
    lease_id = optional_text(answer, "lease_id")
    if not lease_id:
        return None
    return Lease(lease_id, timedelta(seconds=whole(answer, "lease_duration")), truth(answer, "renewable"))


def renew_lease(client: Client, lease_id: str, life: timedelta) -> timedelta:
    """Have a lease live for `life` from now, shorter or longer than before; returns what Vault made of it.

    Raises:
        InvalidRequest: The lease is gone, or not renewable.
        VaultError: Vault refuses or can't be asked.
    """
    increment = int(life.total_seconds())
    answer = client.post("sys/leases/renew", {"lease_id": lease_id, "increment": increment})
    return timedelta(seconds=whole(answer, "lease_duration"))


def revoke_lease(client: Client, lease_id: str) -> None:
    """Take back at once what stands behind a lease. It proves nothing: `closing.close` does. Raises VaultError."""
    client.post("sys/leases/revoke", {"lease_id": lease_id, "sync": True})
