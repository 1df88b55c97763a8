# SPDX-License-Identifier: GPL-3.0-or-later
"""The last line of a command that used a grant: whether it is proven gone, and which database users are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

CLOSE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.5


def tell_closed(api: RunnerApi, request: str, dropped: Iterable[str]) -> None:
    """Wait a little for the proof that a grant is gone that was given back. Never raises: what was done before is not lost for it."""
    from breakglass.client.requesting import standing  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    until, said = time.monotonic() + CLOSE_SECONDS, ""
    while not said and time.monotonic() < until:
        try:
            said = "Grant revoked, proven." if standing(api, request).state == "closed" else ""
        except BreakglassError as error:
            said = f"Given back, as far as this machine knows. {error}"
        time.sleep(0.0 if said else LOOK_EVERY_SECONDS)
    tell_dropped(said or f"The grant is being closed; see it with: breakglass show {request}", dropped)


def tell_dropped(before: str, users: Iterable[str]) -> None:
    """One line: what is said before, and which database users are gone; none where there is nothing to say."""
    if said := " ".join(filter(None, [before, *(f"Database user {user} dropped." for user in users)])):
        typer.echo(said, err=True)
