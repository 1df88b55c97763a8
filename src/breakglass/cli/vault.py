# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass vault`: what the policy's accesses need in Vault, planned and applied with your own login."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli import vault_authority
from breakglass.cli.vault_login import AsJson, SettingsFile, prepared_setup

if TYPE_CHECKING:
    from breakglass.vault_setup import Preparation

app = typer.Typer(
    help="Prepare Vault or OpenBao; uses your own login (VAULT_TOKEN or the token file).", no_args_is_help=True
)
app.add_typer(vault_authority.app, name="authority")

NextAuthority = Annotated[
    bool,
    typer.Option("--next-authority", help="With a second SSH certificate authority, to replace the current one by."),
]


@app.command()
def plan(
    settings: SettingsFile = Path("settings.yml"), *, next_authority: NextAuthority = False, as_json: AsJson = False
) -> None:
    """Say what would be added and changed; changes nothing."""
    with prepared_setup(settings) as setup:
        _show(setup.plan(next_authority=next_authority), as_json=as_json)


@app.command()
def apply(
    settings: SettingsFile = Path("settings.yml"), *, next_authority: NextAuthority = False, as_json: AsJson = False
) -> None:
    """Add and change it, and write the runner's login to the files that the settings name."""
    with prepared_setup(settings) as setup:
        _show(setup.apply(next_authority=next_authority), as_json=as_json)


@app.command()
def enrol(
    person: Annotated[str, typer.Argument(help="As the metadata `person` of their entities says.")],
    to: Annotated[
        Path | None, typer.Option(help="Write the QR code (PNG) there, for you alone to read, instead of the address.")
    ] = None,
    settings: SettingsFile = Path("settings.yml"),
    *,
    replace: Annotated[bool, typer.Option("--replace", help="End their present one.")] = False,
) -> None:
    """Make a person's second factor, with an admin's login. What their authenticator reads is shown once."""
    from breakglass.enrolling import enrol as make  # noqa: PLC0415
    from breakglass.enrolling import write_picture  # noqa: PLC0415

    with prepared_setup(settings) as setup:
        made = make(setup.client, person, replace=replace)
    if to is None:
        typer.echo(made.address)
        return
    write_picture(to, made.picture)
    typer.echo(
        f"The second factor of {person} is in {to}. Have them read it with their authenticator, and delete the file."
    )


def _show(preparation: Preparation, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(preparation), ensure_ascii=False))
        return
    for line in preparation.lines:
        typer.echo(f"  {line}")
