# SPDX-License-Identifier: GPL-3.0-or-later
"""A login for as long as a block lasts: one that we made is revoked at its end, however it ends."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .client import Client
from .connection import from_options
from .login import login_method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .login import Login

__all__ = ["end_login", "logged_in"]


@contextmanager
def logged_in(options: Mapping[str, object], environ: Mapping[str, str]) -> Iterator[Client]:
    """Log in as options and environment say.

    Raises:
        BreakglassError: Vault is unknown, can't be asked, or does not accept the login.
    """
    with Client(from_options(options, environ), None) as bare:
        login = login_method(options, environ).authenticate(bare)
        client = bare.with_token(login.token)
        try:
            yield client
        finally:
            with suppress(BreakglassError):  # it dies with its own life; what the block came to counts
                end_login(client, login)


def end_login(client: Client, login: Login) -> None:
    """Revoke a login that we made; one that a person supplied is theirs. Raises VaultError."""
    if login.made_by_us:
        client.post("auth/token/revoke-self", {})
