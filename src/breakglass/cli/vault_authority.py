# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass vault authority`: the SSH certificate authorities, and the steps of replacing one by the next."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from breakglass.cli.vault_login import AsJson, SettingsFile, prepared_setup

app = typer.Typer(help="Replace the SSH certificate authority, step by step.", no_args_is_help=True)


@app.command()
def show(settings: SettingsFile = Path("settings.yml"), *, as_json: AsJson = False) -> None:
    """Say which there are, with their fingerprints, which signs now, and what comes next."""
    from breakglass.vault_authority import Authorities  # noqa: PLC0415

    with prepared_setup(settings) as setup:
        found = Authorities.of(setup.client)
    _say([json.dumps(asdict(found))] if as_json else found.lines)


@app.command()
def switch(settings: SettingsFile = Path("settings.yml")) -> None:
    """Let the next one sign, once every host trusts it; the current one becomes the previous.

    Refused unless the next one has all roles. Broken off in between, it is run again and goes on. For that moment no
    certificate is signed.
    """
    from breakglass.vault_authority import switch as switch_authorities  # noqa: PLC0415

    with prepared_setup(settings) as setup:
        _say(switch_authorities(setup.client, setup.accesses))


@app.command()
def finish(
    settings: SettingsFile = Path("settings.yml"),
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the previous one for good, once every host has a certificate of the current one."""
    from breakglass import vault_authority  # noqa: PLC0415

    with prepared_setup(settings) as setup:
        _say(vault_authority.consequences(setup.client))
        if not yes:
            typer.confirm("Remove it?", abort=True)
        _say(vault_authority.finish(setup.client))


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line if line.startswith("{") else f"  {line}")
