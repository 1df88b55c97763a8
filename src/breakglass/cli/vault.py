# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass vault`: what the policy's accesses need in Vault, planned and applied with your own login."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from breakglass.vault_setup import Preparation, VaultSetup

app = typer.Typer(
    help="Prepare Vault or OpenBao; uses your own login (VAULT_TOKEN or the token file).", no_args_is_help=True
)
SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def plan(settings: SettingsFile = Path("settings.yml"), *, as_json: AsJson = False) -> None:
    """Say what would be added and changed; changes nothing."""
    with _setup(settings) as setup:
        _show(setup.plan(), as_json=as_json)


@app.command()
def apply(settings: SettingsFile = Path("settings.yml"), *, as_json: AsJson = False) -> None:
    """Add and change it, and write the runner's login to the files that the settings name."""
    with _setup(settings) as setup:
        _show(setup.apply(), as_json=as_json)


def _show(preparation: Preparation, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(preparation), ensure_ascii=False))
        return
    for line in preparation.lines:
        typer.echo(f"  {line}")


def _setup(settings: Path) -> AbstractContextManager[VaultSetup]:
    import os  # noqa: PLC0415

    from breakglass.settings import load_settings  # noqa: PLC0415
    from breakglass.vault_setup import VaultSetup  # noqa: PLC0415

    return VaultSetup.from_settings(load_settings(settings), os.environ)
