# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass revoke`: the panic button."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli.holds import SettingsFile, SocketFile, press

if TYPE_CHECKING:
    from breakglass.buttons import Buttons
    from breakglass.holding import GrantsEnd

PROOF_WITHIN_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.3
NOT_PROVEN = 1


def revoke(
    incident: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Argument(metavar="[INCIDENT]", help="What this incident has open. Nothing is held."),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="What every incident has open; and hold everything.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; it is recorded, and whoever meets the hold reads it.")] = "",
    settings: SettingsFile = Path("settings.yml"),
    socket: SocketFile = None,
) -> None:
    """End plays at once, revoke their grants, and wait for the proof that they are gone.

    With --all everything is held first, so that nothing new starts. Works while Vault is down: plays end at once, and their grants are
    revoked as soon as Vault is back. Exit code 0: all of it is proven gone. 1: not yet; it is tried for ever, and told to people.
    """
    from breakglass.holding import UnusableHold  # noqa: PLC0415

    if bool(incident) == everything:
        raise UnusableHold("Say what is meant: an INCIDENT, or --all; one of them.")
    ending = press(settings, socket, lambda buttons: _press(buttons, incident, reason))
    if everything:
        typer.echo("Everything is held; lift it with: breakglass hold lift --all --reason …")
    if not ending:
        typer.echo("No grant is open.")
    ends = press(settings, socket, lambda buttons: _await_proof(buttons, ending)) if ending else []
    for end in ends:
        typer.echo(f"{end.incident}  {end.sentence}")
    if left := [end.incident for end in ends if not end.over]:
        typer.echo(f"{len(left)} not proven gone yet. It goes on by itself; look again with: breakglass show {left[0]}")
        raise typer.Exit(NOT_PROVEN)


def _press(buttons: Buttons, incident: str | None, reason: str) -> list[str]:
    return buttons.revoke(incident, reason) if incident else buttons.revoke_all(reason)


def _await_proof(buttons: Buttons, incidents: list[str]) -> list[GrantsEnd]:
    """How they end, when all have, or when a person has waited for long enough."""
    until = time.monotonic() + PROOF_WITHIN_SECONDS
    while True:
        ends = buttons.grants(incidents)
        if all(end.over for end in ends) or time.monotonic() > until:
            return ends
        time.sleep(LOOK_EVERY_SECONDS)
