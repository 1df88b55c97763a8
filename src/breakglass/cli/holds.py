# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass hold`, `hold lift` and `holds`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from breakglass.holding import Holding

app = typer.Typer(help="Stop everything new, or what a host or trigger would start, until the hold is lifted.")
SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]
Hosts = Annotated[Optional[list[str]], typer.Option("--host", help="An inventory name; may be given again.")]  # noqa: UP045
Triggers = Annotated[
    Optional[list[str]],  # noqa: UP045 (typer reads it)
    typer.Option("--trigger", help="A trigger or request of the policy; may be given again."),
]
Everything = Annotated[bool, typer.Option("--all", help="Everything.")]


@app.callback(invoke_without_command=True)
def hold(
    context: typer.Context,
    host: Hosts = None,
    trigger: Triggers = None,
    *,
    everything: Everything = False,
    reason: Annotated[str, typer.Option(help="Why; whoever meets the hold reads it.")] = "",
    settings: SettingsFile = Path("settings.yml"),
) -> None:
    """Let nothing new start on a host, by a trigger, or at all. What runs already goes on to its end.

    Works on the runner's machine, as its user or root, while the runner works and while it does not. An alert that a hold
    stops is told to people. Lift it with: breakglass hold lift
    """
    if context.invoked_subcommand is not None:
        if host or trigger or everything or reason:
            raise typer.BadParameter("Options of `hold lift` come after `lift`.")
        return
    from breakglass.holding import Target, hold_line  # noqa: PLC0415
    from breakglass.installed import installed_remediations  # noqa: PLC0415

    target = Target.of(host or [], trigger or [], everything=everything)
    holding = _holding(settings)
    for made in holding.set(target, reason, installed_remediations(holding.settings.collections)):
        typer.echo(hold_line(made))
        typer.echo(f"  lift it with: {made.lifted_by}")


@app.command()
def lift(
    name: Annotated[Optional[str], typer.Argument(metavar="[HOST]", help="As --host.")] = None,  # noqa: UP045
    host: Hosts = None,
    trigger: Triggers = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="The hold on everything; those on hosts stay.")] = False,
    reason: Annotated[str, typer.Option(help="Why it may go on.")] = "",
    settings: SettingsFile = Path("settings.yml"),
) -> None:
    """Lift every hold on a host, on a trigger, or on everything, whoever set it."""
    from breakglass.holding import Target, hold_line  # noqa: PLC0415

    target = Target.of([*([name] if name else []), *(host or [])], trigger or [], everything=everything)
    for lifted in _holding(settings).lift(target, reason):
        typer.echo(f"lifted: {hold_line(lifted)}")


def holds(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = Path("settings.yml"),
) -> None:
    """List the holds that stand: what, since when, by whom, why, and how to lift each."""
    import json  # noqa: PLC0415

    from breakglass.holding import hold_line, hold_object  # noqa: PLC0415

    standing = _holding(settings).standing()
    if as_json:
        typer.echo(json.dumps([hold_object(hold) for hold in standing], indent=2))
        return
    for one in standing:
        typer.echo(hold_line(one))
        typer.echo(f"  lift it with: {one.lifted_by}")
    if not standing:
        typer.echo("No hold is set here. One that was set in Vault by hand (kv/breakglass/hold) is not listed.")


def _holding(settings: Path) -> Holding:
    import os  # noqa: PLC0415

    from breakglass.holding import Holding, person_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    return Holding(load_settings(settings), person_of(os.environ))
