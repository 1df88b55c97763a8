# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(help="The journal.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The journal."""


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="The journal's directory.")],
    key: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(help="File with the public keys of the checkpoints (journal.keys)."),
    ] = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Vault: anchors are not checked.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Find out whether any record was changed. 0 intact, 1 could not be checked, 2 changed, 3 wrong use.

    Asks Vault (VAULT_ADDR, VAULT_TOKEN or the token file) for the public keys and the anchors.
    """
    import os  # noqa: PLC0415

    from breakglass.verification import verify_journal  # noqa: PLC0415

    result = verify_journal(directory, key, os.environ, offline=offline)
    for remark in result.remarks:
        typer.echo(remark, err=as_json)
    typer.echo(result.json_text() if as_json else result.text())
    raise typer.Exit(result.exit_code)
