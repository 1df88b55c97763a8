# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass handover`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from breakglass.cli.audit_options import reader_may_leave, say_troubles


def handover(
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="MOMENT", help="How far back it tells of what is over: 12h, or a moment.")
    ] = "12h",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    settings: Annotated[Path, typer.Option("--settings", help="The settings of this installation.")] = Path(
        "settings.yml"
    ),
) -> None:
    """Say what the next person on call must know.

    Open incidents and who has acknowledged them, holds and why, drills that did not pass, grants and certificates that
    still live, and what ended lately. Works on the runner's machine, whether the runner works or not.
    """
    import json  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass.handing_over import hand_over  # noqa: PLC0415
    from breakglass.reading import Troubles  # noqa: PLC0415
    from breakglass.report.handover import handover_lines, handover_object  # noqa: PLC0415
    from breakglass.selection import moment_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    now, troubles = datetime.now(UTC), Troubles()
    made = hand_over(load_settings(settings), moment_of(since, now), now, troubles)
    with reader_may_leave():
        if as_json:
            typer.echo(json.dumps(handover_object(made), indent=2))
        else:
            for line in handover_lines(made):
                typer.echo(line)
    say_troubles(troubles.sentences)
