# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a grant without a runner: log in, respect the hold, mint, and lay it down in the run's directory."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault.client import Client
from .._vault.closing import close
from .._vault.errors import InvalidRequest
from .._vault.grant import Grant, GrantFacts, GrantRequest, mint_orphan
from .._vault.hold import read_hold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._run.directory import RunDirectory
    from .._vault.connection import Connection
    from .._vault.login import Login, LoginMethod


class Held(BreakglassError):
    """Raised when the hold is set: nothing new starts."""


class UnknownAccess(BreakglassError):
    """Raised when Vault was not prepared for an access of that name."""


class ShortLogin(BreakglassError):
    """Raised when the login would be dead before the grant, and could not close it."""


@dataclass(frozen=True)
class Order:
    """What the guard is asked to open.

    Attributes:
        connection: Where Vault is.
        method: How to log in, its options already checked.
        request: The grant.
        about: What is written down beside it: reason and ticket, as the person gave them.
    """

    connection: Connection
    method: LoginMethod
    request: GrantRequest
    about: Mapping[str, str]


@dataclass(frozen=True)
class Opened:
    """An open grant and the login that will close it.

    Attributes:
        client: Vault, with the login's token.
        login: The login; revoked at the end only if we made it.
        facts: The grant, seen alive.
        over_at: When its time box is over, by this machine's monotonic clock (seconds); Vault's clock may be another.
    """

    client: Client
    login: Login
    facts: GrantFacts
    over_at: float


def open_grant(order: Order, run: RunDirectory, guard_pid: int) -> Opened:
    """Open the grant and write its token and facts into the run's directory.

    Raises:
        Held: The hold is set.
        ShortLogin: The login dies before the time box is over.
        VaultError: Vault refuses or can't be asked; nothing is left open that is known of.
        UnusableRunDirectory: The token can't be kept; the grant is revoked again.
    """
    bare = Client(order.connection, None)
    login = order.method.authenticate(bare)
    client = bare.with_token(login.token)
    try:
        _refuse_short_login(login, order.request)
        _refuse_under_hold(client)
        grant = _mint(client, order.request)
    except BreakglassError:
        with suppress(BreakglassError):
            end_login(client, login)
        raise
    try:
        run.write(run.token, grant.token)
        text = grant_text(grant.facts, order.request, order.connection, guard_pid)
        run.write_json(run.grant, {**text, **order.about})
    except BreakglassError:
        with suppress(BreakglassError):
            client.with_token(grant.token).post("auth/token/revoke-self", {})
        with suppress(BreakglassError):
            close(client, grant.facts.accessor)
            end_login(client, login)
        raise
    return Opened(client, login, grant.facts, time.monotonic() + order.request.seconds)


def grant_text(facts: GrantFacts, request: GrantRequest, connection: Connection, guard_pid: int) -> dict[str, object]:
    """What is written down of an open grant; nothing in it is secret but perhaps a proxy's password."""
    return {
        "access": facts.access,
        "accessor": facts.accessor,
        "expires_at": f"{facts.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "time_box": request.seconds,
        "guard_pid": guard_pid,
        "connection": asdict(connection),
    }


def end_login(client: Client, login: Login) -> None:
    """Revoke a login that we made; one that a person supplied is theirs."""
    if login.made_by_us:
        client.post("auth/token/revoke-self", {})


def _mint(client: Client, request: GrantRequest) -> Grant:
    try:
        return mint_orphan(client, request)
    except InvalidRequest as error:
        if any(text.startswith("unknown role") for text in error.errors):
            raise UnknownAccess(
                f"Vault knows no access {request.access}. Correct the option access, or have an admin of Vault run "
                "breakglass vault apply with the policy that defines it."
            ) from None
        raise


def _refuse_short_login(login: Login, request: GrantRequest) -> None:
    """A login without an end has a life of zero. Our policy does not let a login renew itself."""
    life = int(login.ttl.total_seconds())
    if 0 < life < request.seconds:
        raise ShortLogin(
            f"Your Vault login lives another {life} s only, less than the time box of {request.seconds} s, so it could "
            "not close the grant. Log in again, or ask for a shorter time box."
        )


def _refuse_under_hold(client: Client) -> None:
    hold = read_hold(client)
    if hold is not None:
        since = f" since {hold.since:%Y-%m-%d %H:%M} UTC" if hold.since else ""
        person = f" by {_printable(hold.person)}" if hold.person else ""
        reason = _printable(hold.reason)
        raise Held(f"The hold is set{since}{person}: {reason}. Nothing new starts until it is lifted.")


def _printable(text: str) -> str:
    """Ansible shows the text of an error as it is, so what a person wrote must not move the reader's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
