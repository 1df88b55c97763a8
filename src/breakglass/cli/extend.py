# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass extend`: more time for a grant that is open, which is a new approval."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.json_output import AsJson, print_json
from breakglass.cli.requests import standing_object
from breakglass.cli.waiting import waited


def extend(
    incident: Annotated[
        str,
        typer.Argument(
            metavar="INCIDENT",
            help="Of your grant that is open, as INC-7K3M.",
            autocompletion=completing.open_requests,
        ),
    ],
    time_box: Annotated[
        str, typer.Option(help="From the moment that the extension opens, as 30m; else as long as the first one.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; else what was said the first time.")] = "",
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is open, or over.")] = False,
    override: Annotated[
        bool,
        typer.Option("--override", help="Without the approval, where the policy lets you; others judge it afterwards."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for more time: a new approval under the rules of now. Your sessions go on until the new end, if it is given in time."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import extend as ask  # noqa: PLC0415
    from breakglass.client.requesting import newest  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.policy.scalars import seconds_of  # noqa: PLC0415

    with runner_api(os.environ) as api:
        latest = newest(api, incident)[-1]
        made = ask(api, latest, seconds_of(time_box) if time_box else None, reason, override=override)
        typer.echo(f"Asked as {made}. Until it opens, {latest} ends when it always would have.", err=as_json)
        end = waited(api, made, f"breakglass watch {made}") if wait else None
    if as_json:
        print_json(standing_object(made, end, extends=latest))
    elif end and end.is_open:
        typer.echo(f"Extended until {end.until[11:19]} UTC: your sessions go on under {made}.")
    if end and not end.is_open:
        typer.echo(f"{made} was not opened: {end.why or end.state}. {latest} ends when it always would have.", err=True)
        raise typer.Exit(1)
