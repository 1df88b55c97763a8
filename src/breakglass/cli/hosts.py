# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass hosts explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json
from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile

app = typer.Typer(help="The inventory's hosts.", no_args_is_help=True)


@app.callback()
def hosts() -> None:
    """The inventory's hosts."""


@app.command()
def explain(
    text: Annotated[str, typer.Argument(help="What an alert says, as the label instance: web1:9100.")],
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say which host of the inventory a text of an alert means, and what may be opened there. 0 one host, 1 none."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    from breakglass.domain.hosts import UnknownHost, resolve_host  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy.scalars import did_you_mean  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415
    from breakglass.policy_text import span  # noqa: PLC0415

    site = read_site(settings, policy)
    try:
        host = resolve_host(text, site.inventory.hosts)
    except UnknownHost as error:
        raise BreakglassError(printable(f"{error}{did_you_mean(text, site.inventory.hosts)}")) from None
    groups = site.inventory.hosts[host]
    accesses = [access for access in site.policy.access.values() if not groups.isdisjoint(access.hosts)]
    if as_json:
        print_json({"text": text, "host": host, "groups": sorted(groups), "accesses": [one.name for one in accesses]})
        return
    typer.echo(printable(f"{text} means {host}{'' if text == host else ' (the port is dropped)'}"))
    typer.echo(printable(f"  in     {', '.join(sorted(groups))}"))
    for access in accesses:
        through = ", ".join(sorted(groups.intersection(access.hosts)))
        typer.echo(printable(f"  opens  {access.name}, {span(access.max_time_box)} at most (through {through})"))
    if not accesses:
        typer.echo("  opens  nothing: the host is in no group of an access, so every alert about it is refused")
