# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass revoke`: the panic button."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from breakglass.cli import completing
from breakglass.cli.holds import SocketFile, press
from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.cli.reaching import SettingsFile, asks_runner, signed_in

if TYPE_CHECKING:
    from breakglass.holding import GrantsEnd

PROOF_WITHIN_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.3
NOT_PROVEN = 1


def revoke(
    incident: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Argument(
            metavar="[INCIDENT]",
            help="What this incident has open. Nothing is held.",
            autocompletion=completing.incidents,
        ),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="What every incident has open; and hold everything.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; it is recorded, and whoever meets the hold reads it.")] = "",
    settings: SettingsFile = None,
    socket: SocketFile = None,
    as_json: AsJsonList = False,
) -> None:
    """End plays at once, revoke their grants, and wait for the proof that they are gone.

    With --all everything is held first, so that nothing new starts. Asks the runner that you have logged in to, which lets the policy's
    operators. With --settings it works on the runner's machine, also while Vault is down: plays end at once, and their grants are
    revoked as soon as Vault is back. Exit code 0: all of it is proven gone. 1: not yet; it is tried for ever, and told to people.
    """
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable  # noqa: PLC0415

    from breakglass.holding import UnusableHold  # noqa: PLC0415

    if bool(incident) == everything:
        raise UnusableHold("Say what is meant: an INCIDENT, or --all; one of them.")
    ways = _AtRunner() if asks_runner(settings, socket) else _Here(settings, socket)
    ending = ways.press(incident, reason)
    if everything:
        typer.echo("Everything is held; lift it with: breakglass hold lift --all --reason …", err=as_json)
    if not ending:
        typer.echo("No grant is open.", err=as_json)
    ends = _await_proof(ways, ending) if ending else []
    if as_json:
        print_json([end._asdict() for end in ends])
    for end in [] if as_json else ends:
        typer.echo(printable(f"{end.incident}  {end.sentence}"))
    if left := [end.incident for end in ends if not end.over]:
        again = f"It goes on by itself; look again with: breakglass show {left[0]}"
        typer.echo(f"{len(left)} not proven gone yet. {again}", err=as_json)
        raise typer.Exit(NOT_PROVEN)


class _Here(NamedTuple):
    """The button on the runner's machine."""

    settings: Path | None
    socket: Path | None

    def press(self, incident: str | None, reason: str) -> list[str]:
        """Press it; those that end."""
        return press(
            self.settings,
            self.socket,
            lambda buttons: buttons.revoke(incident, reason) if incident else buttons.revoke_all(reason),
        )

    def ends(self, incidents: list[str]) -> list[GrantsEnd]:
        """How they end."""
        return press(self.settings, self.socket, lambda buttons: buttons.grants(incidents))


class _AtRunner(NamedTuple):
    """The button of the runner that this user has logged in to."""

    def press(self, incident: str | None, reason: str) -> list[str]:
        """Press it; those that end."""
        from breakglass.client.operating import revoke as press_there  # noqa: PLC0415

        with signed_in() as api:
            return press_there(api, incident, reason)

    def ends(self, incidents: list[str]) -> list[GrantsEnd]:
        """How they end."""
        from breakglass.client.operating import ends  # noqa: PLC0415
        from breakglass.holding import GrantsEnd  # noqa: PLC0415

        with signed_in() as api:
            found = ends(api, incidents)
        return [GrantsEnd(str(one.get("incident")), str(one.get("sentence")), one.get("over") is True) for one in found]


def _await_proof(ways: _Here | _AtRunner, incidents: list[str]) -> list[GrantsEnd]:
    """How they end, when all have, or when a person has waited for long enough."""
    until = time.monotonic() + PROOF_WITHIN_SECONDS
    while True:
        ends = ways.ends(incidents)
        if all(end.over for end in ends) or time.monotonic() > until:
            return ends
        time.sleep(LOOK_EVERY_SECONDS)
