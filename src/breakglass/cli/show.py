# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass show` and `breakglass watch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli.audit_options import JOURNAL, SETTINGS, reader_may_leave, say_troubles

if TYPE_CHECKING:
    from breakglass.settings import Settings

LOOK_EVERY_SECONDS = 0.2
ONE = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.")]


def show(
    incident: ONE,
    *,
    tasks: Annotated[bool, typer.Option("--tasks", help="Every Ansible task.")] = False,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show an incident on one page: how it stands, the plan, what each attempt did, who was told, what it waits for.

    What happened comes from the journal, how it stands now from the runner's database; with --journal only from there.
    """
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass.incident_pages import find_page  # noqa: PLC0415
    from breakglass.reading import Troubles, find_journal  # noqa: PLC0415
    from breakglass.report.incident_page import page_lines, page_object  # noqa: PLC0415

    directory, troubles = find_journal(journal, settings, os.environ), Troubles()
    page = find_page(directory, incident, _settings(journal, settings), datetime.now(UTC), troubles)
    with reader_may_leave():
        if as_json:
            typer.echo(json.dumps(page_object(page.case, page.standing), indent=2))
        else:
            for line in page_lines(page.case, page.events, page.standing, every_task=tasks):
                typer.echo(line)
    say_troubles(troubles.sentences)


def watch(
    incident: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Argument(metavar="[INCIDENT]", help="INC-…; all incidents without it."),
    ] = None,
    *,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
) -> None:
    """Follow an incident live, from its beginning until it is closed; or all that happens in incidents, until Ctrl-C.

    Ends with 0 when the incident was closed.
    """
    import os  # noqa: PLC0415
    import time  # noqa: PLC0415

    from breakglass.reading import find_journal  # noqa: PLC0415
    from breakglass.watching import Watching  # noqa: PLC0415

    watching = Watching.of(find_journal(journal, settings, os.environ), incident or "")
    try:
        typer.echo(f"Watching {incident or 'all incidents'}. Ctrl-C ends it.", err=True)
        while not watching.is_over:
            with reader_may_leave():
                for line in watching.new_lines():
                    typer.echo(line)
            if not watching.is_over:
                time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _settings(journal: Path | None, settings: Path | None) -> Settings | None:
    """The settings whose database is asked: none when a journal is named."""
    from breakglass.reading import SETTINGS as HERE  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    if journal is not None or (settings is None and not HERE.is_file()):
        return None
    return load_settings(settings or HERE)
