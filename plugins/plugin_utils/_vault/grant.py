# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a grant: minted wrapped by the runner and unwrapped by the play, or minted as an orphan by an operator.

The rules, in this order: the policies, life and role are asked for exactly; the minted token is looked up through its
accessor by the one who will later close it (so that "gone" can be proven against "seen alive"); every difference
revokes it at once; a wrapping token is used once, and after the unwrap the token itself is looked up, since a wrapper
outlives a dead token. Requests that mint are never repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from .answer import section, text
from .errors import (
    NO_REQUEST,
    DeniedByVault,
    Failure,
    GrantMismatch,
    RoundedLife,
    UnexpectedAnswer,
    UnseenGrant,
    UnusableRequest,
    UsedWrapping,
    VaultError,
)
from .grant_facts import GrantFacts, GrantKind, GrantRequest, differences, facts, read_lookup
from .wrapping import WRAPPING_GONE, open_wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .client import Client

    Undo = Callable[[], object]

Minted = TypeVar("Minted")

__all__ = ["Grant", "GrantFacts", "GrantKind", "GrantRequest", "WrappedGrant", "mint_orphan", "mint_wrapped", "unwrap"]

WRAP_TTL: Final = timedelta(seconds=120)
"""How long a wrapped grant waits for its play, unless the caller says otherwise."""

LONGEST_WRAP: Final = timedelta(seconds=300)
"""The runner's policy refuses longer wrapping."""

_SLACK: Final = timedelta(seconds=2)
"""Vault keeps the moment of the minting in whole seconds."""


@dataclass(frozen=True)
class WrappedGrant:
    """A minted grant that nobody has opened yet.

    Attributes:
        token: The single-use wrapping token; never shown.
        facts: The grant inside, seen alive.
    """

    token: str = field(repr=False)
    facts: GrantFacts

    @property
    def accessor(self) -> str:
        """Accessor of the grant inside (not of the wrapping token)."""
        return self.facts.accessor

    @property
    def expires_at(self) -> datetime:
        """End of the grant's life (UTC); it runs from the minting, not from the unwrapping."""
        return self.facts.expires_at


@dataclass(frozen=True)
class Grant:
    """An open grant.

    Attributes:
        token: The token; never shown.
        facts: What is known of it.
    """

    token: str = field(repr=False)
    facts: GrantFacts


def mint_wrapped(client: Client, request: GrantRequest, wrap_ttl: timedelta = WRAP_TTL) -> WrappedGrant:
    """Mint a grant as a child of the client's session, inside a single-use wrapping token.

    Raises:
        GrantMismatch: What Vault minted is not what was asked for; it is revoked.
        UnseenGrant: It was minted and could not be looked up.
        UnusableRequest: The wrapping would live less than 1 s or more than 300 s.
        VaultError: Vault refused or can't be asked; `outcome_unknown` tells whether something may have been minted.
    """
    if not timedelta(seconds=1) <= wrap_ttl <= LONGEST_WRAP:
        raise UnusableRequest("A wrapped grant must wait at least one and at most 300 seconds for its play.")
    return _once_more(partial(_mint_wrapped, client, request, wrap_ttl))


def _mint_wrapped(client: Client, request: GrantRequest, wrap_ttl: timedelta) -> WrappedGrant:
    path = _mint_path(request, GrantKind.CHILD)
    wrapping = section(client.post(path, request.body(GrantKind.CHILD), wrap_ttl=wrap_ttl), "wrap_info")
    accessor = text(wrapping, "wrapped_accessor")
    if wrapping.get("creation_path") != path:
        undo = partial(client.post, "auth/token/revoke-accessor", {"accessor": accessor})
        raise _rejected(undo, accessor, ("it was minted at another path",))
    return WrappedGrant(text(wrapping, "token"), _seen_alive(client, accessor, request, GrantKind.CHILD))


def mint_orphan(client: Client, request: GrantRequest, kind: GrantKind = GrantKind.ORPHAN) -> Grant:
    """Mint a grant that does not depend on the client's login, for use in this process: ORPHAN or SHORT.

    Raises:
        GrantMismatch: What Vault minted is not what was asked for; it is revoked.
        UnseenGrant: It was minted and could not be looked up.
        VaultError: Vault refused or can't be asked; `outcome_unknown` tells whether something may have been minted.
    """
    return _once_more(partial(_mint_orphan, client, request, kind))


def _mint_orphan(client: Client, request: GrantRequest, kind: GrantKind) -> Grant:
    minted = section(client.post(_mint_path(request, kind), request.body(kind)), "auth")
    accessor, token = text(minted, "accessor"), text(minted, "client_token")
    seen = _seen_alive(client, accessor, request, kind)
    if kind.life(request.seconds) < request.seconds:
        _check_whole_box(client.with_token(token), accessor, request, kind)
    return Grant(token, seen)


def unwrap(client: Client, wrapping_token: str, request: GrantRequest, accessor: str | None = None) -> Grant:
    """Open a wrapped grant: once, by one.

    Args:
        client: Any client; its token is not used.
        wrapping_token: The single-use token.
        request: What the grant must be.
        accessor: The accessor that was journalled at minting; a grant with another one is refused.

    Raises:
        UsedWrapping: The wrapping token is used, expired, or was never one of ours: raise an alarm.
        GrantMismatch: Something else was inside, or the token inside is dead; it is revoked where it lives.
        VaultError: Vault can't be asked.
    """
    wrapper = client.with_token(wrapping_token)
    path = _mint_path(request, GrantKind.CHILD)
    try:
        outside = section(wrapper.ask("sys/wrapping/lookup", {"token": wrapping_token}), "data")
        if outside.get("creation_path") != path:
            raise _stolen("what it wraps was not minted as this grant: somebody else may have opened and re-wrapped it")
        inside = section(open_wrapping(wrapper, wrapping_token), "auth")
    except WRAPPING_GONE as error:
        raise _stolen("it is used, expired or unknown: someone else was first", error.failure) from None
    token = text(inside, "client_token")
    return Grant(token, _own_facts(client.with_token(token), text(inside, "accessor"), request, accessor))


def _once_more(mint: Callable[[], Minted]) -> Minted:
    """Mint, and once more when a second was lost to rounding: what was minted is revoked, so nothing is there twice."""
    try:
        return mint()
    except RoundedLife as error:
        if not error.revoked:
            raise
    return mint()


def _mint_path(request: GrantRequest, kind: GrantKind) -> str:
    return f"auth/token/create/{kind.role(request.access)}"


def _seen_alive(client: Client, accessor: str, request: GrantRequest, kind: GrantKind) -> GrantFacts:
    """Look a minted token up by the means that will later prove that it is gone."""
    undo = partial(client.post, "auth/token/revoke-accessor", {"accessor": accessor})
    try:
        answer = client.ask("auth/token/lookup-accessor", {"accessor": accessor})
    except VaultError as error:
        raise _unseen(undo, accessor, error) from None
    return _compared(undo, accessor, answer, request, kind)


def _check_whole_box(own: Client, accessor: str, request: GrantRequest, kind: GrantKind) -> None:
    """Have a short grant renewed to the end of its box, to see that Vault would let it live so long, and back again.

    Its `creation_ttl` is short anyhow, and where the role allows less, nothing but a renewal tells.
    """
    undo = partial(own.post, "auth/token/revoke-self", {})
    try:
        own.post("auth/token/renew-self", {"increment": f"{request.seconds}s"})
        found = read_lookup(own.get("auth/token/lookup-self"))
        own.post("auth/token/renew-self", {"increment": f"{kind.life(request.seconds)}s"})
    except VaultError as error:
        raise _unseen(undo, accessor, error) from None
    most = found.expires_at - found.created_at
    if most < request.time_box - _SLACK:
        wrong = f"its life in seconds is {most.total_seconds():.0f} at most, asked was {request.seconds}"
        raise _rejected(undo, accessor, (wrong,))


def _own_facts(own: Client, accessor: str, request: GrantRequest, expected: str | None) -> GrantFacts:
    """Look an unwrapped token up with itself; dead ones answer 403, which the wrapper did not tell."""
    undo = partial(own.post, "auth/token/revoke-self", {})
    try:
        answer = own.get("auth/token/lookup-self")
    except DeniedByVault as error:
        raise GrantMismatch(
            "The grant was dead when it was unwrapped: its time box is over, or it was revoked. Open a new one.",
            accessor=accessor,
            revoked=True,
            failure=error.failure,
        ) from None
    except VaultError as error:
        raise _unseen(undo, accessor, error) from None
    if expected is not None and accessor != expected:
        raise _rejected(undo, accessor, ("it is another grant than the one that was journalled",))
    return _compared(undo, accessor, answer, request, GrantKind.CHILD)


def _compared(
    undo: Undo, accessor: str, answer: Mapping[str, object], request: GrantRequest, kind: GrantKind
) -> GrantFacts:
    try:
        found = read_lookup(answer)
    except UnexpectedAnswer:
        raise _rejected(undo, accessor, ("Vault does not describe it as a token with an end",)) from None
    wrong = differences(found, request, kind)
    if found.accessor != accessor:
        wrong = (*wrong, "its accessor is another one")
    if wrong:
        rounded = len(wrong) == 1 and found.life == kind.life(request.seconds) - 1
        raise _rejected(undo, accessor, wrong, RoundedLife if rounded else GrantMismatch)
    return facts(found, request)


def _rejected(
    undo: Undo, accessor: str, wrong: tuple[str, ...], error: type[GrantMismatch] = GrantMismatch
) -> GrantMismatch:
    revoked, fate = _undone(undo)
    return error(
        f"The minted grant is not the one that was asked for: {'; '.join(wrong)}. {fate} "
        "Compare the policy's access with Vault (breakglass vault plan).",
        accessor=accessor,
        revoked=revoked,
    )


def _unseen(undo: Undo, accessor: str, error: VaultError) -> UnseenGrant:
    revoked, fate = _undone(undo)
    return UnseenGrant(
        f"A grant was minted (accessor {accessor}) but could not be looked up. {fate} {error}",
        accessor=accessor,
        revoked=revoked,
        failure=error.failure,
    )


def _undone(undo: Undo) -> tuple[bool, str]:
    """Revoke a grant that must not be used; tell whether Vault took it, and the sentence about it."""
    try:
        undo()
    except VaultError:
        return False, "It could not be revoked and lives until its time box ends."
    return True, "It was revoked."


def _stolen(why: str, failure: Failure = NO_REQUEST) -> UsedWrapping:
    return UsedWrapping(
        f"The wrapping token does not open: {why}. Treat this grant as stolen: revoke it and find out who had it.",
        failure,
    )
