# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass drill run` and `drill report`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json

if TYPE_CHECKING:
    from breakglass.drilling import Drilling

app = typer.Typer(help="Rehearse what would happen tonight, and see how rehearsals went.", no_args_is_help=True)
SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A drill of the policy.")],
    *,
    within: Annotated[int, typer.Option(min=1, help="Seconds after which a drill that is not over has failed.")] = 900,
    settings: SettingsFile = Path("settings.yml"),
    as_json: AsJson = False,
) -> None:
    """Have the runner rehearse a trigger now: a synthetic alert, the real way, marked as a drill everywhere.

    Works on the runner's machine, as its user or root. Shows how long each phase took. The exit code is 0 only if all of
    it came through: 1 when approval, credentials, revocation or telling people would not work, or something real came first.
    """
    from functools import partial  # noqa: PLC0415

    from breakglass.drilling import PASSED, report_objects, verdict  # noqa: PLC0415
    from breakglass.installed import installed_remediations  # noqa: PLC0415

    drilling = _drilling(settings)
    roles = installed_remediations(drilling.settings.collections)
    ended = drilling.run(name, timedelta(seconds=within), roles, partial(typer.echo, err=as_json))
    typer.echo(verdict(ended), err=as_json)
    if as_json:
        print_json(report_objects([ended])[0])
    raise typer.Exit(0 if ended.result == PASSED else 1)


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One drill; all without it.")] = "",
    *,
    last: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = Path("settings.yml"),
) -> None:
    """Show the newest drills: the seconds of each phase, medians, and what failed."""
    import json  # noqa: PLC0415

    from breakglass.drilling import report_lines, report_objects  # noqa: PLC0415

    runs = _drilling(settings).latest(last, name)
    if as_json:
        typer.echo(json.dumps(report_objects(runs), indent=2))
        return
    for line in report_lines(runs):
        typer.echo(line)


def _drilling(settings: Path) -> Drilling:
    import os  # noqa: PLC0415

    from breakglass.drilling import Drilling  # noqa: PLC0415
    from breakglass.people import person_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    return Drilling(load_settings(settings), person_of(os.environ))
