# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json

app = typer.Typer(help="This installation.", no_args_is_help=True)


@app.command()
def check(
    settings: Annotated[Path, typer.Argument(help="A settings file.")] = Path("settings.yml"),
    *,
    as_json: AsJson = False,
) -> None:
    """Say with file, line and a sentence what is wrong; secrets' files are looked at, too."""
    from breakglass.heartbeat import heartbeat_url  # noqa: PLC0415
    from breakglass.secret_files import read_secret_file  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    loaded = load_settings(settings)
    for source in loaded.sources.values():
        for path in source.secret_files:
            read_secret_file(path)
    for channel in loaded.channels.values():
        read_secret_file(channel.url_file)
    if loaded.heartbeat:
        heartbeat_url(loaded.heartbeat.url_file)
    if as_json:
        print_json({"sources": sorted(loaded.sources), "channels": sorted(loaded.channels)})
        return
    typer.echo(f"OK  {len(loaded.sources)} sources, {len(loaded.channels)} channels.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings."""
    import json  # noqa: PLC0415

    from breakglass.settings import settings_schema  # noqa: PLC0415

    typer.echo(json.dumps(settings_schema(), indent=2))
