# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass vault`: what the policy's accesses need in Vault, planned and applied with your own login."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from breakglass.vault_setup import VaultSetup

app = typer.Typer(
    help="Prepare Vault or OpenBao; uses your own login (VAULT_TOKEN or the token file).", no_args_is_help=True
)
SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]


@app.command()
def plan(settings: SettingsFile = Path("settings.yml")) -> None:
    """Say what would be added and changed; changes nothing."""
    with _setup(settings) as setup:
        for line in setup.plan():
            typer.echo(f"  {line}")


@app.command()
def apply(settings: SettingsFile = Path("settings.yml")) -> None:
    """Add and change it, and write the runner's login to the files that the settings name."""
    with _setup(settings) as setup:
        for line in setup.apply():
            typer.echo(f"  {line}")


def _setup(settings: Path) -> AbstractContextManager[VaultSetup]:
    import os  # noqa: PLC0415

    from breakglass.settings import load_settings  # noqa: PLC0415
    from breakglass.vault_setup import VaultSetup  # noqa: PLC0415

    return VaultSetup.from_settings(load_settings(settings), os.environ)
