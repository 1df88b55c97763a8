# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a run's grant with everything that was obtained under it: every journalled lease, and what remains in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault.closing import Proof, close
from .holding import holdings, leases, remains
from .wallet import text_of

if TYPE_CHECKING:
    from .._vault.client import Client
    from .register import Register

__all__ = ["Closed", "UntoldHoldings", "close_run"]


class UntoldHoldings(BreakglassError):
    """Raised when the grant is gone, but nobody can tell what was obtained under it: its stream can't be read."""


@dataclass(frozen=True)
class Closed:
    """A grant that is gone with its leases.

    Attributes:
        proof: That it is.
        remains: What lives on, or may, and until when: for people.
    """

    proof: Proof
    remains: tuple[str, ...]


def close_run(client: Client, accessor: str, register: Register) -> Closed:
    """Revoke a run's grant and all its leases, and prove it. May be repeated.

    Raises:
        UnprovenRevocation: It is not proven; try again.
        UntoldHoldings: The grant is gone, but its leases can't be known.
    """
    try:
        held = holdings(register.read())
    except BreakglassError as error:
        close(client, accessor)
        raise UntoldHoldings(
            f"The grant is gone, but not provably all that was obtained under it: {error} Vault revokes what hangs on the "
            "grant by itself; look at its leases."
        ) from None
    proof = close(client, accessor, leases(held))
    return Closed(proof, tuple(remains(held, text_of(datetime.now(tz=timezone.utc)))))
