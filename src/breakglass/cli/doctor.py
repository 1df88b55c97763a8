# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.findings import Finding


def doctor(
    *,
    settings: Annotated[Path, typer.Option("--settings", help="The settings of this installation.")] = Path(
        "settings.yml"
    ),
    hosts: Annotated[bool, typer.Option("--hosts/--no-hosts", help="Look at the hosts of the accesses.")] = True,
    limit: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads it)
        typer.Option("--limit", metavar="NAME", help="Only this host, or group of hosts; may be given again."),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send a test message through each channel.")] = False,
    log_in: Annotated[
        str,
        typer.Option(
            "--log-in",
            metavar="ACCESS",
            help="Log in to the hosts of this access, under a real grant that is then closed.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look whether this installation would work tonight; changes nothing, and says how to mend what is wrong.

    Each line begins with ok, with !! for what must be mended, or with ?? for what could not be looked at. Mend the first !!
    first: others may go with it. Run it as the user of the runner.

    Exit codes: 0 all is well, 1 something is wrong, 2 nothing is wrong but something could not be looked at, 3 wrong use.
    """
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415

    from breakglass.doctor.examination import examine  # noqa: PLC0415
    from breakglass.doctor.findings import exit_code  # noqa: PLC0415
    from breakglass.doctor.known import Asked  # noqa: PLC0415
    from breakglass.people import person_of  # noqa: PLC0415

    _end_in_order_on_sigterm()
    asked = Asked(settings, person_of(os.environ), send=send, hosts=hosts, limit=tuple(limit or ()), log_in=log_in)
    found = []
    for finding in examine(asked):
        found.append(finding)
        if not as_json:
            for line in lines(finding):
                typer.echo(line)
    code = exit_code(found)
    if as_json:
        typer.echo(json.dumps({"exit_code": code, "findings": [_object(one) for one in found]}, indent=2))
    raise typer.Exit(code)


def lines(finding: Finding) -> Iterator[str]:
    """One finding for people: nothing in it moves the cursor or makes a line of its own."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    yield f"  {finding.mark.value}  {printable(finding.about)}: {printable(finding.says)}"
    yield from (f"        {printable(line)}" for line in finding.more)


def _object(finding: Finding) -> dict[str, object]:
    return {"mark": finding.mark.name.lower(), "about": finding.about, "says": finding.says, "more": list(finding.more)}


def _end_in_order_on_sigterm() -> None:
    """What was opened is closed, as after Ctrl-C."""
    import signal  # noqa: PLC0415

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
