# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass hold`, `hold lift` and `holds`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.cli.reaching import LINE, SettingsFile, asks_runner, line_of, settings_here, signed_in, without_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from breakglass.buttons import Buttons
    from breakglass.holding import Target

    Items = Sequence[Mapping[str, object]]

app = typer.Typer(help="Stop everything new, or what a host or trigger would start, until the hold is lifted.")
Hosts = Annotated[Optional[list[str]], typer.Option("--host", help="An inventory name; may be given again.")]  # noqa: UP045
Triggers = Annotated[
    Optional[list[str]],  # noqa: UP045 (typer reads it)
    typer.Option("--trigger", help="A trigger or request of the policy; may be given again."),
]
SocketFile = Annotated[
    Optional[Path],  # noqa: UP045 (typer reads it)
    typer.Option("--socket", help="The runner's socket, for who may use it and may not read the settings."),
]
Answer = TypeVar("Answer")
Everything = Annotated[bool, typer.Option("--all", help="Everything.")]


@app.callback(invoke_without_command=True)
def hold(
    context: typer.Context,
    host: Hosts = None,
    trigger: Triggers = None,
    *,
    everything: Everything = False,
    reason: Annotated[str, typer.Option(help="Why; whoever meets the hold reads it.")] = "",
    settings: SettingsFile = None,
    socket: SocketFile = None,
    as_json: AsJsonList = False,
) -> None:
    """Let nothing new start on a host, by a trigger, or at all. What runs already goes on to its end.

    Asks the runner that you have logged in to, which lets the policy's operators. With --settings it works on the runner's machine,
    as root, its user, or a member of the settings' group, while Vault is down too; as root or its user also while no runner works.
    An alert that a hold stops is told to people. Lift it with: breakglass hold lift
    """
    if context.invoked_subcommand is not None:
        if host or trigger or everything or reason:
            raise typer.BadParameter("Options of `hold lift` come after `lift`.")
        return
    from breakglass.holding import Target, hold_shown  # noqa: PLC0415

    target = Target.of(host or [], trigger or [], everything=everything)
    if asks_runner(settings, socket):
        made = _ask("hold", target, reason)
    else:
        made = [hold_shown(one) for one in press(settings, socket, lambda buttons: buttons.set(target, reason))]
    if as_json:
        print_json([without_line(one) for one in made])
        return
    _tell(made)


@app.command()
def lift(
    name: Annotated[Optional[str], typer.Argument(metavar="[HOST]", help="As --host.")] = None,  # noqa: UP045
    host: Hosts = None,
    trigger: Triggers = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="The hold on everything; those on hosts stay.")] = False,
    reason: Annotated[str, typer.Option(help="Why it may go on.")] = "",
    settings: SettingsFile = None,
    socket: SocketFile = None,
    as_json: AsJsonList = False,
) -> None:
    """Lift every hold on a host, on a trigger, or on everything, whoever set it."""
    from breakglass.holding import Target, hold_shown  # noqa: PLC0415

    target = Target.of([*([name] if name else []), *(host or [])], trigger or [], everything=everything)
    if asks_runner(settings, socket):
        lifted = _ask("lift", target, reason)
    else:
        lifted = [hold_shown(one) for one in press(settings, socket, lambda buttons: buttons.lift(target, reason))]
    if as_json:
        print_json([without_line(one) for one in lifted])
        return
    for one in lifted:
        typer.echo(f"lifted: {line_of(one)}")


def holds(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = None,
    socket: SocketFile = None,
) -> None:
    """List the holds that stand: what, since when, by whom, why, and how to lift each."""
    import json  # noqa: PLC0415

    from breakglass.client.operating import holds as of_runner  # noqa: PLC0415
    from breakglass.holding import hold_shown  # noqa: PLC0415

    standing: Items
    if asks_runner(settings, socket):
        with signed_in() as api:
            standing = of_runner(api)
    else:
        standing = [hold_shown(one) for one in press(settings, socket, lambda buttons: buttons.standing())]
    if as_json:
        typer.echo(json.dumps([without_line(one) for one in standing], indent=2))
        return
    _tell(standing)
    if not standing:
        typer.echo("No hold is set here. One that was set in Vault by hand (kv/breakglass/hold) is not listed.")


def _tell(holds: Items) -> None:
    for one in holds:
        typer.echo(line_of(one))
        typer.echo(f"  lift it with: {line_of({LINE: one.get('lift')})}")


def _ask(verb: str, target: Target, reason: str) -> Items:
    """Press it at the runner that this user has logged in to."""
    from breakglass.client import operating  # noqa: PLC0415

    names = [name for name in target.names if name]
    with signed_in() as api:
        do = operating.hold if verb == "hold" else operating.lift
        return do(api, target.scope.value, names, reason)


def press(settings: Path | None, socket: Path | None, button: Callable[[Buttons], Answer]) -> Answer:
    """Press it as the settings say, or at this socket; raises BreakglassError."""
    import os  # noqa: PLC0415

    from breakglass.buttons import Reach  # noqa: PLC0415
    from breakglass.installed import installed_remediations  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    reach = Reach(os.environ, installed_remediations)
    return reach.at(socket.absolute(), button) if socket else reach.of(load_settings(settings_here(settings)), button)
