# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy explain`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile


def explain(
    payload: Annotated[Path, typer.Argument(help="The body of a webhook; without --source, Alertmanager's.")],
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    source: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Option("--source", help="The source of the settings that would send it."),
    ] = None,
    now: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--now", metavar="MOMENT", help="2026-11-22T02:30:00+01:00: what it would do then."),
    ] = None,
    *,
    as_test: Annotated[bool, typer.Option("--as-test", help="Print the alerts as tests for the policy.")] = False,
    as_json: AsJsonList = False,
) -> None:
    """Say what the policy would make of each alert of a message at this moment, and why. Nothing is started."""
    from breakglass import explaining  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.foreseeing import NotLookedUp, foreseen  # noqa: PLC0415
    from breakglass.policy.scalars import did_you_mean  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415
    from breakglass.sources import PARSERS, Delivery  # noqa: PLC0415

    try:
        body = payload.read_bytes()
    except OSError as error:
        raise BreakglassError(f"The message {payload} can't be read: {error.strerror}.") from None
    moment = _moment(now) if now else None
    site = read_site(settings, policy)
    sender = site.settings.sources.get(source) if source else None
    if source and sender is None:
        raise typer.BadParameter(f"There is no source {source}.{did_you_mean(source, site.settings.sources)}")
    fields = sender.fields.paths() if sender and sender.fields else None
    headers = {"content-type": "application/cloudevents+json"}
    message = PARSERS[sender.kind if sender else "alertmanager"](Delivery(source or "explain", body, headers, fields))
    if as_test:
        typer.echo(explaining.as_tests(message.alerts, site, moment), nl=False)
        return
    at = moment or datetime.now(UTC)
    then = NotLookedUp("with --now nobody knows them") if moment else None
    told = [list(explaining.explained(alert, site, at, then or foreseen(alert, site))) for alert in message.alerts]
    if as_json:
        print_json(
            [
                {"alert": alert.name, "labels": dict(alert.labels), "lines": lines}
                for alert, lines in zip(message.alerts, told, strict=True)
            ]
        )
        return
    for line in (line for lines in told for line in lines):
        typer.echo(line)


def _moment(text: str) -> datetime:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415

    from breakglass.policy.cases import moment_of  # noqa: PLC0415

    try:
        return moment_of(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--now: {error.message()}") from None
