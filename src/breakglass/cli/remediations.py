# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass remediation new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Remediations: the roles that repair.", no_args_is_help=True)


@app.callback()
def remediation() -> None:
    """Remediations: the roles that repair."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A verb and a noun, as in clear_queue.")],
    *,
    into: Annotated[
        Path, typer.Option(help="The directory of a collection, or one that is to become one.", file_okay=False)
    ] = Path(),
    collection: Annotated[
        str, typer.Option(help="namespace.name, where the directory has no galaxy.yml that says it.")
    ] = "",
    hosts: Annotated[str, typer.Option(help="Inventory group for the policy entry.")] = "some-hosts",
    escalation: Annotated[str, typer.Option(help="Ladder or channel for the policy entry.")] = "some-people",
) -> None:
    """Make a remediation that works, to be changed: role, specification, behaviour, test and policy entry."""
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.new_remediation import New, collection_of, make  # noqa: PLC0415

    found = collection_of(into)
    if collection and found and collection != found:
        raise BreakglassError(f"{into} is the collection {found}, not {collection}; nothing was made.")
    wanted = New(name, found or collection, hosts, escalation)
    for path in make(wanted, into):
        typer.echo(path)
    typer.echo(f"Try it:      cd {into} && pytest {Path('tests', f'test_{name}.py')}")
    typer.echo(f"Use it:      {into / 'policy' / f'{name}.yml'}, as {wanted.full_name}")
    typer.echo("Find it:     the settings' `collections:` names the directory that holds ansible_collections")
