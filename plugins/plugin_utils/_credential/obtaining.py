# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtaining a credential: one at a time, its intent on disk before the request, its lease on disk before its use.

A run has one credential of a name. Asked for again in the same way it is the one that is there; its paths never change.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from .._errors import BreakglassError
from .._run.turns import one_at_a_time
from .._vault.client import Client
from .._vault.connection import Connection
from .._vault.errors import DeniedByVault, UnexpectedAnswer, VaultError
from .._vault.lease import revoke_lease
from .._vault.session import box_left
from .holding import ASKED, OBTAINED, REFUSED, Fate
from .order import LeftLease
from .pki_host import PkiHostOrder
from .register import Register
from .ssh import SshHostOrder
from .wallet import Credential, read_credential, text_of, write_credential

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .._journal.canonical import JsonValue
    from .._run.directory import RunDirectory
    from .order import Obtained, Order

STILL_USEFUL = timedelta(seconds=30)
SHORTEST = timedelta(seconds=2)


class NoOpenGrant(BreakglassError):
    """Raised when a credential is asked for before a grant was opened, or after it was closed."""


class TakenName(BreakglassError):
    """Raised when a run already has another credential of this name."""


class SpentGrant(BreakglassError):
    """Raised when too little is left of the grant for anything."""


@dataclass(frozen=True)
class OpenGrant:
    """The run's open grant, for use.

    Attributes:
        client: Vault, with the grant's token.
        access: Its access.
        expires_at: End of its time box (RFC 3339, UTC).
    """

    client: Client
    access: str
    expires_at: str


class Recorded(Protocol):
    """A run whose credentials are recorded."""

    @property
    def run(self) -> RunDirectory:
        """Its directory."""

    @property
    def journal(self) -> Path:
        """The journal's directory."""

    @property
    def stream(self) -> str:
        """The run's own stream."""

    @property
    def under_runner(self) -> bool:
        """Whether a runner drives it."""

    @property
    def always(self) -> Mapping[str, JsonValue]:
        """The fields that every record of it has."""


def open_grant_of(run: RunDirectory) -> OpenGrant:
    """The grant that the run has open; raises NoOpenGrant."""
    grant = run.read_json(run.grant)
    connection = (grant or {}).get("connection")
    if grant is None or not isinstance(connection, dict):
        raise NoOpenGrant("This run has no open grant. Put a task with breakglass.remediation.grant before this one.")
    try:
        token = run.token.read_text(encoding="utf-8")
    except OSError:
        raise NoOpenGrant("This run's grant was closed, so nothing can be obtained under it any more.") from None
    return OpenGrant(Client(Connection(**connection), token), str(grant["access"]), str(grant["expires_at"]))


def obtain(live: Recorded, order: Order) -> tuple[Credential, bool]:
    """Return the run's credential of the order's name, obtaining it if there is none, and whether it is new.

    Raises:
        NoOpenGrant: There is no grant.
        TakenName: The name is that of another credential.
        BreakglassError: It can't be journalled, or Vault refuses, or gave something else.
    """
    with one_at_a_time(live.run):
        known = read_credential(live.run, order.name)
        if known is not None and known.identity == order.identity() and known.serves_for(STILL_USEFUL, _now()):
            return known, False
        if known is not None and known.identity != order.identity() and not known.replaceable:
            raise TakenName(
                f"This run has another credential with the name {order.name}, made for {known.what}. Give this one a "
                "name of its own with the option name."
            )
        grant = open_grant_of(live.run)
        register = Register(live.journal, live.stream, announced=live.under_runner, always=live.always)
        return keep(live.run, register, grant, order), True


def keep(run: RunDirectory, register: Register, grant: OpenGrant, order: Order) -> Credential:
    """Ask for a credential and keep it in the run's directory; the caller has the run's turn."""
    left = _left(grant)
    own = f"{order.name}-{secrets.token_hex(4)}"
    asked: dict[str, JsonValue] = {"name": order.name, "kind": order.kind, "what": order.what}
    register.write(ASKED, {"credential": own, **asked, "latest_end": _latest_end(grant, order)})
    try:
        obtained = order.obtain(grant.client, left)
    except (
        BreakglassError
    ) as error:  # what was made and is not what was asked for was taken back, or its key thrown away
        _record_failure(register, {"credential": own, **asked}, error)
        raise
    credential = Credential.of(own, order, obtained, grant.expires_at, _now())
    try:
        register.write(OBTAINED, {"credential": own, **asked, **credential.record()})
        write_credential(run, credential, obtained)
    except BreakglassError:
        _take_back(grant, obtained)
        raise
    return credential


def _left(grant: OpenGrant) -> timedelta:
    try:
        left = box_left(grant.client)
    except DeniedByVault:
        left = timedelta()
    if left < SHORTEST:
        raise SpentGrant(
            "The grant's time box is over, or it was revoked, so nothing can be obtained under it. Open a new one in a run "
            "of its own, with a time box that is long enough."
        )
    return left


def _latest_end(grant: OpenGrant, order: Order) -> str:
    """When it is over at the latest, should nobody hear of it: what hangs on the grant ends with it, a host's proof does not."""
    return text_of(_now() + order.longest) if isinstance(order, (SshHostOrder, PkiHostOrder)) else grant.expires_at


def _record_failure(register: Register, asked: Mapping[str, JsonValue], error: BreakglassError) -> None:
    """Record that nothing was made, or what closing must take back. Where nobody knows, the intent stands alone."""
    if isinstance(error, UnexpectedAnswer) or (isinstance(error, VaultError) and error.outcome_unknown):
        return
    with suppress(BreakglassError):
        if isinstance(error, LeftLease):
            left = {"fate": Fate.REVOKED.value, "lease_id": error.lease.lease_id}
            register.write(OBTAINED, {**asked, **left, "latest_end": text_of(_now() + error.lease.life)})
        else:
            register.write(REFUSED, {"credential": asked["credential"], "why": str(error)[:500]})


def _take_back(grant: OpenGrant, obtained: Obtained) -> None:
    """What can't be recorded or kept must not be used; what can't be taken back now dies with the grant."""
    if obtained.lease is not None:
        with suppress(BreakglassError):
            revoke_lease(grant.client, obtained.lease.lease_id)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
