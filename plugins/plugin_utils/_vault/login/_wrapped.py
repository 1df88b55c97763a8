# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret id that came in a single-use wrapping token: opened once, by one; who comes second raises an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..answer import section, text
from ..errors import NO_REQUEST, Failure, UsedWrapping
from ..wrapping import WRAPPING_GONE, open_wrapping

if TYPE_CHECKING:
    from ..client import Client

_KINDS: Final = ("secret-id", "custom-secret-id")


def unwrap_secret_id(client: Client, wrapping_token: str, mount_point: str) -> str:
    """Return the secret id inside. The wrapping token is spent by it.

    Raises:
        UsedWrapping: It is used, expired or no wrapped secret id of this mount: raise an alarm.
        VaultError: Vault can't be asked.
    """
    wrapper = client.with_token(wrapping_token)
    try:
        outside = section(wrapper.ask("sys/wrapping/lookup", {"token": wrapping_token}), "data")
        if not _made_here(text(outside, "creation_path"), mount_point, client.connection.namespace):
            raise _alarm("what it wraps was not made as a secret id of this AppRole mount: it may have been re-wrapped")
        return text(section(open_wrapping(wrapper, wrapping_token), "data"), "secret_id")
    except WRAPPING_GONE as error:
        raise _alarm("it is used, expired or unknown: someone else was first", error.failure) from None


def _made_here(path: str, mount_point: str, namespace: str | None) -> bool:
    start = f"auth/{mount_point}/role/"
    local = path.removeprefix(f"{namespace.strip('/')}/") if namespace else path
    role, _slash, kind = local.removeprefix(start).partition("/")
    return local.startswith(start) and bool(role) and kind in _KINDS


def _alarm(why: str, failure: Failure = NO_REQUEST) -> UsedWrapping:
    return UsedWrapping(
        f"The wrapped secret id does not open: {why}. Treat this secret id as stolen: destroy it by its accessor, find "
        "out who had it, and have a new one issued.",
        failure,
    )
