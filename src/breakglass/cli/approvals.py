# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass approvals`, `approve` and `deny`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.json_output import AsJson, AsJsonList, print_json
from breakglass.cli.secret_prompt import ask_secret

if TYPE_CHECKING:
    from breakglass.client.approving import Shown

IncidentId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.questions)
]


def approvals(*, as_json: AsJsonList = False) -> None:
    """List what waits for people, as far as you may see it."""
    from breakglass.client.approving import waiting  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(_environ()) as api:
        found = waiting(api)
    if as_json:
        print_json([one.content for one in found])
        return
    for one in found:
        typer.echo(f"{one.incident}  {one.headline}{f'   ({one.why_not})' if one.why_not else ''}")
    if not found:
        typer.echo("Nothing waits for you.")


def approve(
    incident: IncidentId,
    reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """See what an incident wants to do, and say yes with the code of this moment. If the plan changes, it is void."""
    _answer(incident, reason, yes=True, as_json=as_json)


def deny(
    incident: IncidentId,
    reason: Annotated[str, typer.Option(help="Why; who asked is told.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """See what an incident wants to do, and say no with the code of this moment."""
    _answer(incident, reason, yes=False, as_json=as_json)


def _answer(incident: str, reason: str, *, yes: bool, as_json: bool) -> None:
    from breakglass.client.approving import answer, question  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(_environ()) as api:
        shown = question(api, incident)
        _show(shown, err=as_json)
        if yes and shown.why_not:
            typer.echo(f"You can't approve it: {shown.why_not}.", err=True)
            raise typer.Exit(1)
        why = reason or ("" if yes else typer.prompt("Why not", err=as_json))
        typer.echo("Approve this plan?" if yes else "Deny this plan?", err=as_json)
        code = ask_secret("Code from your authenticator (nothing is shown)")
        answer(api, shown, yes=yes, reason=why, code=code)
    if as_json:
        print_json({"incident": incident, "yes": yes, "digest": shown.digest})
        return
    typer.echo("Approved. If the plan changes, this approval is void." if yes else "Denied; who asked is told.")


def _show(shown: Shown, *, err: bool) -> None:
    for label, text in shown.lines:
        typer.echo(f"  {label:<14} {text}", err=err)


def _environ() -> dict[str, str]:
    import os  # noqa: PLC0415

    return dict(os.environ)
