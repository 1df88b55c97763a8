# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy explain`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.domain.alert import Alert
    from breakglass.policy_site import PolicySite


def explain(
    payload: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Argument(help="The body of a webhook; without --source, Alertmanager's."),
    ] = None,
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
    last: Annotated[
        bool, typer.Option("--last", help="Instead: the last alert that came in, by this journal.")
    ] = False,
    as_test: Annotated[bool, typer.Option("--as-test", help="Print the alerts as tests for the policy.")] = False,
    as_json: AsJsonList = False,
) -> None:
    """Say what the policy would make of each alert of a message at this moment, and why. Nothing is started."""
    from breakglass import explaining  # noqa: PLC0415
    from breakglass.foreseeing import NotLookedUp, foreseen  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415

    if last == (payload is not None):
        raise typer.BadParameter("Name the file of a message, or say --last: one of them.")
    moment = _moment(now) if now else None
    site = read_site(settings, policy)
    alerts = (_last(site),) if payload is None else _alerts(payload, source, site)
    if as_test:
        typer.echo(explaining.as_tests(alerts, site, moment), nl=False)
        return
    at = moment or datetime.now(UTC)
    then = NotLookedUp("with --now nobody knows them") if moment else None
    told = [list(explaining.explained(alert, site, at, then or foreseen(alert, site))) for alert in alerts]
    if as_json:
        print_json(
            [
                {"alert": alert.name, "labels": dict(alert.labels), "lines": lines}
                for alert, lines in zip(alerts, told, strict=True)
            ]
        )
        return
    for line in (line for lines in told for line in lines):
        typer.echo(line)


def _alerts(payload: Path, source: str | None, site: PolicySite) -> Sequence[Alert]:
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy.scalars import did_you_mean  # noqa: PLC0415
    from breakglass.sources import PARSERS, Delivery  # noqa: PLC0415

    try:
        body = payload.read_bytes()
    except OSError as error:
        raise BreakglassError(f"The message {payload} can't be read: {error.strerror}.") from None
    sender = site.settings.sources.get(source) if source else None
    if source and sender is None:
        raise typer.BadParameter(f"There is no source {source}.{did_you_mean(source, site.settings.sources)}")
    fields = sender.fields.paths() if sender and sender.fields else None
    headers = {"content-type": "application/cloudevents+json"}
    kind = sender.kind if sender else "alertmanager"
    return PARSERS[kind](Delivery(source or "explain", body, headers, fields)).alerts


def _last(site: PolicySite) -> Alert:
    """The last alert of the journal; what could not be read of it is said beside."""
    from breakglass.last_alert import last_alert  # noqa: PLC0415
    from breakglass.reading import Troubles, find_journal  # noqa: PLC0415

    troubles = Troubles()
    alert, heard_at = last_alert(find_journal(site.settings.journal.directory, None, {}), troubles)
    for sentence in troubles.sentences:
        typer.echo(sentence, err=True)
    typer.echo(f"From {alert.source}, {heard_at:%Y-%m-%d %H:%M:%S} UTC:", err=True)
    return alert


def _moment(text: str) -> datetime:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415

    from breakglass.policy.cases import moment_of  # noqa: PLC0415

    try:
        return moment_of(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--now: {error.message()}") from None
