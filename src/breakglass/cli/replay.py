# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from breakglass.cli.audit_options import JOURNAL, SETTINGS, reader_may_leave


def replay(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.")],
    session: Annotated[
        Optional[int],  # noqa: UP045 (typer reads it)
        typer.Option(help="Which of its sessions, from 1; needed where there are several."),
    ] = None,
    speed: Annotated[float, typer.Option(help="So many times as fast.", min=0.1, max=1000)] = 1.0,
    export: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write it as asciicast v2, as it was recorded, instead of playing it."),
    ] = None,
    *,
    plain: Annotated[bool, typer.Option("--plain", help="Its text, with all that steers a terminal escaped.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Vault for the anchors.")] = False,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
) -> None:
    """Verify the record of a session and play it, on the machine that has the journal.

    Only what draws is played: nothing in a recording sets a title, reaches the clipboard, or makes your terminal answer.
    """
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from breakglass.reading import find_journal  # noqa: PLC0415
    from breakglass.sessions.replay import Replay  # noqa: PLC0415

    found = Replay.find(find_journal(journal, settings, os.environ), incident, session)
    typer.echo(found.verify(os.environ, offline=offline), err=True)
    if export is not None:
        found.export(export)
        return
    with reader_may_leave():
        if plain:
            for line in found.plain():
                typer.echo(line)
            return

        def show(text: str) -> None:
            sys.stdout.write(text)
            sys.stdout.flush()

        try:
            found.play(show, speed)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
