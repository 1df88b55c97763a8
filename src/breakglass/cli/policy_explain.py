# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile


def explain(
    payload: Annotated[Path, typer.Argument(help="A webhook message of Alertmanager, as JSON.")],
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    *,
    as_test: Annotated[bool, typer.Option("--as-test", help="Print the alerts as tests for the policy.")] = False,
) -> None:
    """Say what the policy would make of each alert of a message, and why. Nothing is started."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass import explaining  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415
    from breakglass.sources.alertmanager import parse  # noqa: PLC0415

    try:
        body = payload.read_bytes()
    except OSError as error:
        raise BreakglassError(f"The message {payload} can't be read: {error.strerror}.") from None
    message = parse(body, "explain")
    site = read_site(settings, policy)
    if as_test:
        typer.echo(explaining.as_tests(message.alerts, site), nl=False)
        return
    for alert in message.alerts:
        for line in explaining.explained(alert, site, datetime.now(UTC)):
            typer.echo(line)
