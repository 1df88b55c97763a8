# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done for a grant by whoever still has its token: end it. Proof needs a second live token."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault.client import Client
from .._vault.connection import Connection

if TYPE_CHECKING:
    from .._run.directory import RunDirectory


def revoke_self(run: RunDirectory) -> str:
    """Revoke the run's grant with its own token; returns a sentence that says what came of it. Never raises."""
    grant: dict[str, object] = {}
    with suppress(BreakglassError):
        grant = run.read_json(run.grant) or {}
    until = f"It dies by itself at {grant.get('expires_at', 'the end of its time box')}."
    try:
        token = run.token.read_text(encoding="utf-8")
        connection = grant["connection"]
        if isinstance(connection, dict):
            Client(Connection(**connection), token).post("auth/token/revoke-self", {})
    except (OSError, KeyError, TypeError, BreakglassError) as error:
        return f"It could not be revoked ({type(error).__name__}). {until}"
    return "It was told to revoke itself, which nobody has checked."
