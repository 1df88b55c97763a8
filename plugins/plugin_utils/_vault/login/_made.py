# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login yields, how Vault's answer becomes one, and how a token that can't be used is ended at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ..answer import section, text, truth, whole
from ..errors import DeniedByVault, InvalidRequest, MissingPath, RefusedLogin, VaultError
from ..secrecy import KeptInProcess
from ._mfa import confirm, requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..client import Client

_UNMOUNTED: Final = "Check, too, that this login method is mounted there (mount_point), in this namespace."


@dataclass(frozen=True)
class Login(KeptInProcess):
    """A live token of ours or of the operator.

    Attributes:
        token: The token itself; never shown.
        accessor: Its accessor, which can be shown.
        renewable: Whether it can be renewed.
        ttl: What is left of its life; zero means that it does not expire.
        made_by_us: False for a token that was supplied: we never revoke those.
    """

    token: str = field(repr=False)
    accessor: str
    renewable: bool
    ttl: timedelta
    made_by_us: bool


@dataclass(frozen=True)
class LoginRequest(KeptInProcess):
    """One login, ready to be sent.

    Attributes:
        method: The login method as people know it, as `AppRole`.
        path: Where it is sent.
        body: What is sent; never shown.
        advice: One sentence on what to check when Vault does not accept it.
        passcode: The second factor's passcode, for a login that Vault may ask one of.
    """

    method: str
    path: str
    body: Mapping[str, object] = field(repr=False)
    advice: str
    passcode: str | None = field(default=None, repr=False)


def log_in(client: Client, request: LoginRequest) -> Login:
    """Log in, with the second factor where Vault wants one.

    Raises:
        RefusedLogin: Vault does not accept it, or gives a token that could neither open a grant nor be revoked.
        VaultError: Vault can't be asked.
    """
    return log_in_by(client, request, lambda bare: bare.post(request.path, request.body))


def log_in_by(client: Client, request: LoginRequest, send: Callable[[Client], Mapping[str, object]]) -> Login:
    """Log in as `log_in`, for a method whose login is not a POST of the body. Raises as `log_in`."""
    bare = client.with_token(None)
    try:
        fields = section(send(bare), "auth")
    except (InvalidRequest, DeniedByVault, MissingPath) as error:
        said = "; ".join(error.errors) or "no reason given"
        advice = request.advice if isinstance(error, InvalidRequest) else f"{request.advice} {_UNMOUNTED}"
        raise RefusedLogin(
            f"Vault at {error.url} refused the {request.method} login at {request.path}: {said}. {advice}",
            error.failure,
        ) from None
    wanted = requirement(fields)
    if wanted is not None:
        fields = section(confirm(bare, wanted, request.passcode), "auth")
    return _usable(client, fields, request)


def supplied(client: Client, token: str) -> Login:
    """Look a supplied token up.

    Raises:
        RefusedLogin: Vault denies it.
        VaultError: Vault can't be asked.
    """
    try:
        fields = section(client.with_token(token).get("auth/token/lookup-self"), "data")
    except DeniedByVault as error:
        raise RefusedLogin(
            f"Vault at {error.url} does not accept the token: it is unknown, expired or may not look itself up. Log in again.",
            error.failure,
        ) from None
    return Login(
        token=token,
        accessor=text(fields, "accessor"),
        renewable=truth(fields, "renewable"),
        ttl=timedelta(seconds=whole(fields, "ttl")),
        made_by_us=False,
    )


def _usable(client: Client, fields: Mapping[str, object], request: LoginRequest) -> Login:
    """Read the answer to a login; a token that we can't use is revoked before we say so."""
    token = text(fields, "client_token")
    try:
        _refuse_odd_token(fields, request)
        return Login(
            token=token,
            accessor=text(fields, "accessor"),
            renewable=truth(fields, "renewable"),
            ttl=timedelta(seconds=whole(fields, "lease_duration")),
            made_by_us=True,
        )
    except VaultError:
        with suppress(VaultError):
            client.with_token(token).post("auth/token/revoke-self", {})
        raise


def _refuse_odd_token(fields: Mapping[str, object], request: LoginRequest) -> None:
    if fields.get("token_type") == "batch":
        raise RefusedLogin(
            f"The {request.method} login at {request.path} gives batch tokens, which can neither open a grant nor be "
            "revoked. Set token_type=service at its role in Vault."
        )
    if fields.get("num_uses"):
        raise RefusedLogin(
            f"The {request.method} login at {request.path} gives tokens for a counted number of requests, which could "
            "run out before the grant is closed. Set token_num_uses=0 at its role in Vault."
        )
