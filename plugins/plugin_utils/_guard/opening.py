# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a grant without a runner: log in, respect the hold, mint, and lay it down in the run's directory."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault import session
from .._vault.client import Client
from .._vault.closing import close
from .._vault.errors import InvalidRequest
from .._vault.grant import Grant, GrantFacts, GrantKind, GrantRequest, mint_orphan, unwrap
from .._vault.grant_facts import check_clock
from .._vault.hold import read_hold
from .._vault.logged_in import end_login
from .asking import borrow, give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._run.directory import RunDirectory
    from .._vault.connection import Connection
    from .._vault.login import Login, LoginMethod
    from .asking import RunnerDoor


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
        kind: ORPHAN, or SHORT where the guard may vanish together with the run, as in a container.
        runner: Who is asked for the grant; None to mint it with the login.
    """

    connection: Connection
    method: LoginMethod
    request: GrantRequest
    about: Mapping[str, str]
    kind: GrantKind = GrantKind.ORPHAN
    runner: RunnerDoor | None = None

    @property
    def patience_seconds(self) -> float:
        """How long opening may take beside what Vault takes."""
        return self.runner.patience_seconds if self.runner else 0.0


@dataclass(frozen=True)
class Loan:
    """A grant that must be given back.

    Attributes:
        door: To whom.
        request: What it is called there.
    """

    door: RunnerDoor
    request: str


@dataclass(frozen=True)
class Opened:
    """An open grant and the login that will close it.

    Attributes:
        client: Vault, with the login's token.
        login: The login; revoked at the end only if we made it.
        facts: The grant, seen alive.
        over_at: When its time box is over, by this machine's monotonic clock (seconds); Vault's clock may be another.
        loan: The runner that lent it, and its name for it; None for one of our own.
    """

    client: Client
    login: Login
    facts: GrantFacts
    over_at: float
    loan: Loan | None = None

    def anew(self) -> Opened:
        """The same over connections of its own, for another process."""
        return replace(self, client=self.client.anew())


def open_grant(
    order: Order,
    run: RunDirectory,
    guard_pid: int,
    now: Callable[[], datetime] = lambda: datetime.now(tz=timezone.utc),
) -> Opened:
    """Open the grant and write its token and facts into the run's directory.

    Raises:
        Held: The hold is set.
        ShortLogin: The login dies before the time box is over.
        ClockSkew: This machine's clock is far from Vault's; the grant is revoked again.
        VaultError: Vault refuses or can't be asked; nothing is left open that is known of.
        UnusableRunDirectory: The token can't be kept; the grant is revoked again.
    """
    bare = Client(order.connection, None)
    login = order.method.authenticate(bare)
    client = bare.with_token(login.token)
    try:
        _refuse_short_login(login, order.request)
        _refuse_under_hold(client)
        grant, loan = _obtained(client, order)
    except BaseException:  # whatever it was: a login that we made does not outlive its use
        with suppress(BreakglassError):
            end_login(client, login)
        raise
    try:
        check_clock(grant.facts, now())
        run.write(run.token, grant.token)
        text = grant_text(grant.facts, order.request, order.connection, guard_pid)
        renewed = order.kind is GrantKind.SHORT
        run.write_json(run.grant, {**text, **order.about, **_opener(client), "renewed": renewed})
    except BreakglassError:
        with suppress(BreakglassError):
            client.with_token(grant.token).post("auth/token/revoke-self", {})
        with suppress(BreakglassError):
            close(client, grant.facts.accessor)
            if loan is not None:
                give_back(client, loan.door, loan.request)
            end_login(client, login)
        raise
    return Opened(client, login, grant.facts, time.monotonic() + order.request.seconds, loan)


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


def _obtained(client: Client, order: Order) -> tuple[Grant, Loan | None]:
    """Minted with the login, or lent by a runner and opened here."""
    if order.runner is None:
        return _mint(client, order), None
    lent = borrow(client, order.runner, order.request)
    loan = Loan(order.runner, lent.request)
    try:
        return unwrap(client, lent.wrapped, replace(order.request, meta=lent.meta), lent.accessor), loan
    except BreakglassError:
        with suppress(BreakglassError):
            give_back(client, loan.door, loan.request)
        raise


def _mint(client: Client, order: Order) -> Grant:
    try:
        return mint_orphan(client, order.request, order.kind)
    except InvalidRequest as error:
        if any(text.startswith("unknown role") for text in error.errors):
            raise UnknownAccess(
                f"Vault knows no access {order.request.access}. Correct the option access, or have an admin of Vault run "
                "breakglass vault apply with the policy that defines it."
            ) from None
        raise


def _opener(client: Client) -> dict[str, str]:
    """Who opens it, as Vault knows them: entity and name of the login. A login that may not look itself up has none."""
    with suppress(BreakglassError):
        known = session.lookup(client)
        return {"vault_entity": known.entity_id, "vault_login": known.display_name}
    return {}


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
