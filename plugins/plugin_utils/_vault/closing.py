# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant and proving that it is gone.

The order: revoke the token by its accessor; revoke every journalled lease, waiting for it (`sync`), since revoking the
token only queues them; look each lease up; look the accessor up; look ourselves up.

The proof is made of exact texts, because nothing else says it: 403 is also what a dead login of ours gets, 204 is also
the answer for an unknown lease, 404 is also a wrong address. "invalid lease" and "invalid accessor" (both with 400) come
from code behind the access check. OpenBao 2.7 says `invalid lease` plainly and wraps the other into
`1 error occurred: * invalid accessor`; both spellings of both are taken. A Vault that says it with another status is not
believed: the grant stays "closing", which is the safe side.

A proof is about an accessor that was seen alive when it was minted (`GrantFacts` exist for no other): a mistyped one is
gone, too. Whoever calls this must have seen the end of the play's processes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Final

from . import session
from .errors import BusyVault, InvalidRequest, SealedVault, StillAlive, UnprovenRevocation, UnreachableVault, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .client import Client

_BAD_REQUEST: Final = 400
_INVALID_ACCESSOR: Final = "invalid accessor"
_INVALID_LEASE: Final = "invalid lease"
_NO_USE_TO_GO_ON: Final = (UnreachableVault, SealedVault, BusyVault)


@dataclass(frozen=True)
class Proof:
    """That a grant and its journalled leases are gone. There is no other way to get one than `close`.

    Attributes:
        accessor: The grant's accessor.
        at: When the last look-up was answered (our clock, UTC).
        lease_ids: The leases that are proven gone with it.
        proven: Always True; it is there for the journal.
        proven_by: Accessor of the live token that looked.
    """

    accessor: str
    at: datetime
    lease_ids: tuple[str, ...]
    proven_by: str
    proven: bool = True


def close(
    client: Client,
    accessor: str,
    lease_ids: Sequence[str] = (),
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Proof:
    """Revoke a grant and its leases, and prove that they are gone. Calling it again proves it again.

    Args:
        client: A second live token, never the grant itself: the runner's session, or the operator's login.
        accessor: Accessor of the grant, seen alive after its minting.
        lease_ids: Every lease that was journalled for it.
        now: The clock for the time of the proof.

    Raises:
        UnprovenRevocation: There is no proof. Keep the grant as "closing" and call again: with the same client where
            `retryable` says so, else after a new login or with the help of a person.
    """
    leases = tuple(dict.fromkeys(lease_ids))
    problem = _first_problem(_steps(client, accessor, leases))
    if problem is not None:
        raise _unproven(accessor, problem)
    try:
        prover = session.lookup(client).accessor
    except VaultError as error:
        raise _unproven(accessor, error) from None
    return Proof(accessor=accessor, at=now(), lease_ids=leases, proven_by=prover)


def revoke_self(client: Client) -> None:
    """End the client's own token, as the first help when nobody else can. It proves nothing. Raises VaultError."""
    session.revoke(client)


def _steps(client: Client, accessor: str, leases: tuple[str, ...]) -> Iterator[Callable[[], None]]:
    yield partial(_revoke_token, client, accessor)
    for lease in leases:
        yield partial(_revoke_lease, client, lease)
    for lease in leases:
        yield partial(_require_gone, client, "sys/leases/lookup", {"lease_id": lease}, _INVALID_LEASE)
    yield partial(_require_gone, client, "auth/token/lookup-accessor", {"accessor": accessor}, _INVALID_ACCESSOR)


def _first_problem(steps: Iterator[Callable[[], None]]) -> VaultError | None:
    """Go through all steps, as one lease that fails must not keep the others alive; stop where Vault does not answer."""
    first: VaultError | None = None
    for step in steps:
        problem = _problem(step)
        first = first or problem
        if isinstance(problem, _NO_USE_TO_GO_ON):
            break
    return first


def _problem(step: Callable[[], None]) -> VaultError | None:
    try:
        step()
    except VaultError as error:
        return error
    return None


def _revoke_token(client: Client, accessor: str) -> None:
    try:
        session.revoke_other(client, accessor)
    except InvalidRequest as error:
        if not _says(error, _INVALID_ACCESSOR):
            raise


def _revoke_lease(client: Client, lease: str) -> None:
    try:
        client.post("sys/leases/revoke", {"lease_id": lease, "sync": True})
    except InvalidRequest as error:
        if not _says(error, _INVALID_LEASE):
            error.retryable = True  # with `sync` this is how Vault says that the database behind a lease is away
            raise


def _require_gone(client: Client, path: str, body: Mapping[str, object], text: str) -> None:
    try:
        client.ask(path, body)
    except InvalidRequest as error:
        if _says(error, text):
            return
        raise
    raise StillAlive(f"{path} still finds it: Vault has not finished revoking; try again.")


def _says(error: InvalidRequest, text: str) -> bool:
    """Tell whether the only error text is exactly `text`, plain or in the frame of Go's multierror."""
    return error.status == _BAD_REQUEST and error.errors in {(text,), (f"1 error occurred: * {text}",)}


def _unproven(accessor: str, error: VaultError) -> UnprovenRevocation:
    then = "Try again." if error.retryable else "Log in again, or ask an admin of Vault to look."
    return UnprovenRevocation(
        f"The grant with accessor {accessor} is not proven to be gone: {error} {then}",
        reason=str(error),
        retryable=error.retryable,
        failure=error.failure,
    )
