# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass approvals`, `approve` and `deny`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.secret_prompt import ask_secret

if TYPE_CHECKING:
    from breakglass.client.approving import Shown

IncidentId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.questions)
]


def approvals(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False) -> None:
    """List what waits for people, as far as you may see it."""
    import json  # noqa: PLC0415

    from breakglass.client.approving import waiting  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(_environ()) as api:
        found = waiting(api)
    if as_json:
        typer.echo(json.dumps([one.content for one in found], indent=2))
        return
    for one in found:
        typer.echo(f"{one.incident}  {one.headline}{f'   ({one.why_not})' if one.why_not else ''}")
    if not found:
        typer.echo("Nothing waits for you.")


def approve(incident: IncidentId, reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "") -> None:
    """See what an incident wants to do, and say yes with the code of this moment. If the plan changes, it is void."""
    _answer(incident, reason, yes=True)


def deny(incident: IncidentId, reason: Annotated[str, typer.Option(help="Why; who asked is told.")] = "") -> None:
    """See what an incident wants to do, and say no with the code of this moment."""
    _answer(incident, reason, yes=False)


def _answer(incident: str, reason: str, *, yes: bool) -> None:
    from breakglass.client.approving import answer, question  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(_environ()) as api:
        shown = question(api, incident)
        _show(shown)
        if yes and shown.why_not:
            typer.echo(f"You can't approve it: {shown.why_not}.", err=True)
            raise typer.Exit(1)
        why = reason or ("" if yes else typer.prompt("Why not"))
        typer.echo("Approve this plan?" if yes else "Deny this plan?")
        code = ask_secret("Code from your authenticator (nothing is shown)")
        answer(api, shown, yes=yes, reason=why, code=code)
    typer.echo("Approved. If the plan changes, this approval is void." if yes else "Denied; who asked is told.")


def _show(shown: Shown) -> None:
    for label, text in shown.lines:
        typer.echo(f"  {label:<14} {text}")


def _environ() -> dict[str, str]:
    import os  # noqa: PLC0415

    return dict(os.environ)
