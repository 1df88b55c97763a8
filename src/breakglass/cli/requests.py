# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass request`, `release`, `review` and `reviews`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.json_output import AsJson, AsJsonList, print_json
from breakglass.cli.waiting import waited

if TYPE_CHECKING:
    from breakglass.client.requesting import Standing

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
    as_json: AsJson = False,
) -> None:
    """Ask for an access. Others approve where the policy says so; Ctrl-C while waiting leaves the request alive."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import Wanted, ask  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.policy.scalars import seconds_of  # noqa: PLC0415

    with runner_api(os.environ) as api:
        wanted = Wanted(access, tuple(host), reason, ticket, seconds_of(time_box), override)
        made = ask(api, wanted)
        typer.echo(f"Asked as {made}.", err=as_json)
        end = waited(api, made, f"breakglass watch {made}") if wait else None
    if as_json:
        print_json(standing_object(made, end))
    elif end and end.is_open:
        typer.echo(f"Grant open until {end.until[11:19]} UTC. Give it back with: breakglass release {made}")
    if end and not end.is_open:
        typer.echo(f"{made} was not opened: {end.why or end.state}.", err=True)
        raise typer.Exit(1)


def standing_object(request: str, now: Standing | None, **more: str) -> dict[str, str]:
    """A request for programs; how it stands where it was waited for."""
    stands = {"state": now.state, "why": now.why, "until": now.until} if now else {}
    return {"request": request, **more, **stands}


def release(incident: RequestId, *, as_json: AsJson = False) -> None:
    """Give back what you asked for, or withdraw it: its grant is closed and proven gone."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import give_back  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        give_back(api, incident)
    if as_json:
        print_json({"request": incident, "given_back": True})
        return
    typer.echo(f"{incident} is given back; its grant is being closed.")


def reviews(*, as_json: AsJsonList = False) -> None:
    """List the overrides that are to be judged, as far as you may see them, the most urgent first."""
    import os  # noqa: PLC0415

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import plain  # noqa: PLC0415

    from breakglass.client.reviewing import reviews as due  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        found = due(api)
    if as_json:
        print_json(found)
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
    *,
    as_json: AsJson = False,
) -> None:
    """Judge an override of somebody else."""
    import os  # noqa: PLC0415

    from breakglass.client.reviewing import review as give  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        give(api, incident, verdict, note)
    if as_json:
        print_json({"incident": incident, "verdict": verdict})
        return
    typer.echo(f"{incident} is judged: {verdict}.")
