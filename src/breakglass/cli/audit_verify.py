# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Journals, directories below them, or single streams.")
    ],
    key: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(help="File with the public keys of the checkpoints (journal.keys)."),
    ] = None,
    anchors: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File with the anchors, instead of Vault's."),
    ] = None,
    save_keys: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write the public keys that Vault has to this file, for whoever verifies elsewhere."),
    ] = None,
    save_anchors: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write the anchors that Vault has of these streams to this file."),
    ] = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Vault.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Find out whether any record was changed. 0 intact, 1 could not be checked, 2 changed, 3 wrong use.

    Asks Vault (VAULT_ADDR, VAULT_TOKEN or the token file) for the public keys and the anchors. Of several journals the
    worst one gives the exit code.
    """
    import os  # noqa: PLC0415

    from breakglass.verification import Witnesses, verify_paths  # noqa: PLC0415

    if save_anchors and (offline or anchors):
        raise typer.BadParameter("--save-anchors asks Vault: it does not go with --offline or --anchors.")
    if save_keys and offline:
        raise typer.BadParameter("--save-keys asks Vault: it does not go with --offline.")
    witnesses = Witnesses(key, anchors, offline, save_keys, save_anchors)
    results = verify_paths(paths, witnesses, os.environ)
    for remark in dict.fromkeys(remark for result in results for remark in result.remarks):
        typer.echo(remark, err=as_json)
    if as_json:
        objects = [result.json_text() for result in results]
        typer.echo(objects[0] if len(objects) == 1 else f"[{','.join(objects)}]")
    else:
        for result in results:
            if len(results) > 1:
                typer.echo(f"{result.report.directory}:")
            typer.echo(result.text())
    raise typer.Exit(max(result.exit_code for result in results))
