# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit tail`."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from breakglass.cli.audit_options import GREP, HOSTS, JOURNAL, KINDS, SETTINGS, reader_may_leave
from breakglass.cli.json_output import AsJsonLines, print_json_line

LOOK_EVERY_SECONDS = 0.2


def tail(
    wanted: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Argument(metavar="[INCIDENT|RUN]", help="INC-… or RUN-…; everything without it."),
    ] = None,
    *,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    host: HOSTS = None,
    kind: KINDS = None,
    grep: GREP = None,
    as_json: AsJsonLines = False,
) -> None:
    """Follow the journal: tell what happens from now on.

    Follows every stream that is there or comes; Ctrl-C ends it.
    """
    import os  # noqa: PLC0415
    import time  # noqa: PLC0415

    from breakglass.following import Following  # noqa: PLC0415
    from breakglass.reading import find_journal  # noqa: PLC0415
    from breakglass.selection import Selection  # noqa: PLC0415
    from breakglass.timeline import step_object  # noqa: PLC0415

    directory = find_journal(journal, settings, os.environ)
    selection = Selection(hosts=frozenset(host or ()), kinds=frozenset(kind or ()), text=grep or "")
    following = Following(directory, selection, wanted or "")
    try:
        following.start()
        typer.echo(f"Following {directory}. Ctrl-C ends it.", err=True)
        while True:
            with reader_may_leave():
                for happened in following.new_events():
                    if as_json:
                        print_json_line({"story": happened.story, **step_object(happened.event, happened.line)})
                    else:
                        typer.echo(happened.shown)
            time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
