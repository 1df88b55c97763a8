# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass ssh`: a session on a host through the runner, asking for the grant where there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli import completing
from breakglass.cli.closing import tell_closed, tell_dropped
from breakglass.cli.waiting import waited

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    from breakglass.client.offering import Asked, Offered

NOT_BY_ITSELF = 255


def ssh(  # noqa: PLR0917 (each is an option of the command)
    host: Annotated[str, typer.Argument(help="An inventory name.", autocompletion=completing.hosts)],
    command: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads it)
        typer.Argument(metavar="[-- COMMAND…]", help="For a shell to run without a terminal."),
    ] = None,
    access: Annotated[
        str, typer.Option(help="Where the policy offers several.", autocompletion=completing.accesses_there)
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; else you are asked.")] = "",
    ticket: Annotated[str, typer.Option(help="Where it is tracked; else you are asked where one is needed.")] = "",
    time_box: Annotated[str, typer.Option(help="From the moment that it opens, as 30m; else all that you may.")] = "",
) -> None:
    """Log in to a host through the runner: recorded, and ended with all that was started. Ctrl-C goes to the host.

    Uses your open grant for the host; where there is none it asks for one, and gives it back afterwards. Ends with the
    exit status of the shell or command, and with 255 when that did not end by itself.
    """
    import os  # noqa: PLC0415

    from breakglass.client.attaching import attach  # noqa: PLC0415
    from breakglass.client.requesting import give_back, newest  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.client.terminal import Terminal  # noqa: PLC0415

    with runner_api(os.environ) as api:
        request, is_ours = _open_grant(api, host, _Asking(access, reason, ticket, time_box))
        typer.echo("This session is recorded by the runner (what you type is not).", err=True)
        began = time.monotonic()
        try:
            over = attach(api, request, host, " ".join(command) if command else None, Terminal())
        finally:
            if is_ours:
                give_back(api, request)
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        if over.status is None:
            typer.echo(f"The session was ended: {over.why}.".replace("..", "."), err=True)
        requests = newest(api, request)
        for number, one in enumerate(requests):
            said = f"Session {minutes}:{seconds:02}, recorded" if number == 0 else "and, after the extension"
            typer.echo(f"{said}: breakglass replay {one}", err=True)
        if is_ours:
            tell_closed(api, requests[-1], over.dropped)
        else:
            tell_dropped("", over.dropped)
    raise typer.Exit(NOT_BY_ITSELF if over.status is None else over.status)


class _Asking:
    """What the command line says about a grant that is to be asked for."""

    def __init__(self, access: str, reason: str, ticket: str, time_box: str) -> None:
        self.access, self.reason, self.ticket, self.time_box = access, reason, ticket, time_box


def _open_grant(api: RunnerApi, host: str, asking: _Asking) -> tuple[str, bool]:
    """A request whose grant is open for the host, and whether we give it back afterwards."""
    from breakglass.client.offering import asked  # noqa: PLC0415

    living = [one for one in asked(api) if host in one.hosts and (one.is_open or one.waits)]
    mine = [one for one in living if asking.access in ("", one.access)]
    if living and not mine:
        _tell_other(living[0], host, asking.access)
        raise typer.Exit(1)
    if there := next((one for one in mine if one.is_open), None):
        typer.echo(f"Your grant {there.request} is open until {there.until[11:19]} UTC.", err=True)
        return there.request, False
    waiting = next((one for one in mine if one.waits), None)
    request = waiting.request if waiting else _ask(api, host, asking)
    _wait(api, request, host)
    until = next((one.until for one in asked(api) if one.request == request), "")
    typer.echo(f"Grant open until {until[11:19]} UTC.", err=True)
    return request, True


def _tell_other(there: Asked, host: str, access: str) -> None:
    """Nobody gets another access than the one that they name; and a host is under one grant at a time."""
    stands = "is open" if there.is_open else "waits"
    typer.echo(
        f"Your {there.request} for {there.access} on {host} {stands}, and {access} can't have {host} beside it. Use that one, without "
        f"--access, or give it back first: breakglass release {there.request}",
        err=True,
    )


def _ask(api: RunnerApi, host: str, asking: _Asking) -> str:
    from breakglass.client.offering import offered  # noqa: PLC0415
    from breakglass.client.requesting import Wanted, ask  # noqa: PLC0415
    from breakglass.policy.scalars import seconds_of  # noqa: PLC0415

    offers = offered(api, host)
    typer.echo(
        f"You have no grant for {host}. The policy offers you: {', '.join(one.words for one in offers) or 'none'}.",
        err=True,
    )
    offer = _chosen(offers, asking.access)
    reason = asking.reason or typer.prompt("  Reason", err=True)
    ticket = asking.ticket or (typer.prompt("  Ticket", err=True) if offer.ticket else "")
    seconds = seconds_of(asking.time_box) if asking.time_box else offer.seconds
    request = ask(api, Wanted(offer.access, (host,), reason, ticket, seconds))
    typer.echo(f"Asked as {request}. Ctrl-C leaves the request alive; come back with: breakglass ssh {host}", err=True)
    return request


def _chosen(offers: list[Offered], access: str) -> Offered:
    """The one that is meant; ends the command where that is unclear."""
    fitting = [one for one in offers if access in ("", one.access)]
    if not fitting:
        typer.echo("There is nothing that you could ask for.", err=True)
        raise typer.Exit(1)
    if len(fitting) > 1:
        typer.echo("Choose one with --access.", err=True)
        raise typer.Exit(1)
    return fitting[0]


def _wait(api: RunnerApi, request: str, host: str) -> None:
    end = waited(api, request, f"breakglass ssh {host}")
    if not end.is_open:
        typer.echo(f"{request} was not opened: {end.why or end.state}.", err=True)
        raise typer.Exit(1)
