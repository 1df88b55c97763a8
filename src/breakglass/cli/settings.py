# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass settings`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json
from breakglass.counting import count

if TYPE_CHECKING:
    from breakglass.settings import Settings

app = typer.Typer(help="This installation.", no_args_is_help=True)


@app.command()
def check(
    settings: Annotated[Path, typer.Argument(help="A settings file.")] = Path("settings.yml"),
    *,
    as_json: AsJson = False,
) -> None:
    """Say with file, line and a sentence what is wrong; secrets' files are looked at, too."""
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy.problems import FileProblems  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    try:
        loaded = load_settings(settings)
        _look_at_secrets(loaded)
    except BreakglassError as error:
        if as_json:
            problems = error.problems if isinstance(error, FileProblems) else (error,)
            print_json({"problems": [str(problem) for problem in problems]})
        raise
    if as_json:
        print_json({"problems": [], "sources": sorted(loaded.sources), "channels": sorted(loaded.channels)})
        return
    typer.echo(f"OK  {count(len(loaded.sources), 'source')}, {count(len(loaded.channels), 'channel')}.")


def _look_at_secrets(settings: Settings) -> None:
    """The files of secrets, as far as the runner reads them at its start. Raises BreakglassError at the first that can't be used."""
    from breakglass.heartbeat import heartbeat_url  # noqa: PLC0415
    from breakglass.secret_files import read_secret_file  # noqa: PLC0415

    for source in settings.sources.values():
        for path in source.secret_files:
            read_secret_file(path)
    for channel in settings.channels.values():
        read_secret_file(channel.url_file)
    if settings.heartbeat:
        heartbeat_url(settings.heartbeat.url_file)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings."""
    import json  # noqa: PLC0415

    from breakglass.settings import settings_schema  # noqa: PLC0415

    typer.echo(json.dumps(settings_schema(), indent=2))
