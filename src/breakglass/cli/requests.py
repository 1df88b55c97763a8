# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass request`, `release`, `review` and `reviews`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.waiting import waited

RequestId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.requests)
]
OverrideId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.reviews)
]


def request(
    access: Annotated[str, typer.Argument(help="An access of the policy.", autocompletion=completing.accesses)],
    host: Annotated[
        list[str],
        typer.Option(
            "--host", help="An inventory name; may be given again.", autocompletion=completing.hosts_of_access
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why: a sentence that an auditor understands.")],
    ticket: Annotated[str, typer.Option(help="Where it is tracked.")] = "",
    time_box: Annotated[str, typer.Option(help="From the moment that it opens, as 30m.")] = "10m",
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is open, or over.")] = False,
    override: Annotated[
        bool,
        typer.Option("--override", help="Without the approval, where the policy lets you; others judge it afterwards."),
    ] = False,
) -> None:
    """Ask for an access. Others approve where the policy says so; Ctrl-C while waiting leaves the request alive."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import Wanted, ask  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.policy.scalars import seconds_of  # noqa: PLC0415

    with runner_api(os.environ) as api:
        wanted = Wanted(access, tuple(host), reason, ticket, seconds_of(time_box), override)
        made = ask(api, wanted)
        typer.echo(f"Asked as {made}.")
    if wait and not waited(made).is_open:
        raise typer.Exit(1)


def release(incident: RequestId) -> None:
    """Give back what you asked for, or withdraw it: its grant is closed and proven gone."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import give_back  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        give_back(api, incident)
    typer.echo(f"{incident} is given back; its grant is being closed.")


def reviews(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False) -> None:
    """List the overrides that are to be judged, as far as you may see them, the most urgent first."""
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import plain  # noqa: PLC0415

    from breakglass.client.reviewing import reviews as due  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        found = due(api)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        late = "  OVERDUE" if one.get("overdue") else ""
        typer.echo(f"{plain(one.get('incident'))}  {plain(one.get('summary'))}  due {plain(one.get('due_at'))}{late}")
    if not found:
        typer.echo("No review is due.")


def review(
    incident: OverrideId,
    verdict: Annotated[str, typer.Option(help="justified, unjustified or unclear.")],
    note: Annotated[str, typer.Option(help="What happened, and was it right?")],
) -> None:
    """Judge an override of somebody else."""
    import os  # noqa: PLC0415

    from breakglass.client.reviewing import review as give  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        give(api, incident, verdict, note)
    typer.echo(f"{incident} is judged: {verdict}.")
