# SPDX-License-Identifier: GPL-3.0-or-later
"""When a credential is to be renewed, and renewing its lease: until the end of the grant's time box, and no longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .._vault.lease import renew_lease
from .._vault.ssh_certificate import BACKDATED
from .holding import RENEWED
from .ssh import SshOrder
from .wallet import moment_of

if TYPE_CHECKING:
    from .obtaining import OpenGrant
    from .register import Register
    from .wallet import Credential

END_SLACK = timedelta(seconds=2)


def is_due(credential: Credential, box_ends: datetime, now: datetime) -> bool:
    """Whether half of its life is over, it lives, and it would be over before the box is."""
    if not credential.expires_at or not (credential.renewable or credential.kind == SshOrder.kind):
        return False
    obtained, life = moment_of(credential.obtained_at), _life(credential)
    return obtained + life / 2 <= now < obtained + life and moment_of(credential.expires_at) < box_ends - END_SLACK


def renewed_lease(grant: OpenGrant, register: Register, credential: Credential, now: datetime) -> Credential:
    """Have its lease live for as long again, and record that. Raises BreakglassError."""
    span = moment_of(credential.expires_at) - moment_of(credential.obtained_at)
    life = renew_lease(grant.client, credential.lease_id, min(span, moment_of(grant.expires_at) - now))
    renewed = credential.renewed(now, life)
    register.write(RENEWED, {"credential": credential.id, **renewed.record()})
    return renewed


def _life(credential: Credential) -> timedelta:
    """How long it lives from when it was obtained. Both ends of a certificate are by Vault's clock, which ours may be ahead of or behind."""
    begins, ends = credential.facts.get("valid_after"), credential.facts.get("valid_before")
    if credential.kind == SshOrder.kind and begins and ends:
        return moment_of(str(ends)) - moment_of(str(begins)) - BACKDATED
    return moment_of(credential.expires_at) - moment_of(credential.obtained_at)
