# SPDX-License-Identifier: GPL-3.0-or-later
"""Single-use wrapping tokens: opening one, and knowing whether it was opened by somebody else."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .errors import DeniedByVault, InvalidRequest, MissingPath, UnreachableVault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

WRAPPING_GONE: Final = (InvalidRequest, DeniedByVault, MissingPath)
"""What Vault says of a wrapping token that is used, expired or unknown."""


def open_wrapping(wrapper: Client, token: str) -> Mapping[str, object]:
    """Return what is wrapped; `wrapper` is a client of that token.

    Of several who unwrap at the same moment Vault gives some an internal error instead of a refusal. So a request whose
    outcome is unknown is followed by a look whether the token is still there: if not, it counts as used, by whomever.

    Raises:
        One of WRAPPING_GONE: It is used, expired or unknown.
        VaultError: Vault can't be asked; the token was not seen to be used.
    """
    try:
        return wrapper.post("sys/wrapping/unwrap", {})
    except UnreachableVault as error:
        if error.outcome_unknown:
            with suppress(UnreachableVault):  # its own trouble tells no more than this one
                wrapper.ask("sys/wrapping/lookup", {"token": token})
        raise
