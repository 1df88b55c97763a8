# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass show` and `breakglass watch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli import completing
from breakglass.cli.audit_options import JOURNAL, SETTINGS, reader_may_leave, say_troubles
from breakglass.cli.json_output import AsJsonLines, print_json_line
from breakglass.cli.reaching import LINE, asks_runner, line_of, signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.settings import Settings

LOOK_EVERY_SECONDS = 0.2
LOOK_AT_ALL_EVERY_SECONDS = 2.0
FOR_PEOPLE = frozenset({"lines", "troubles", "now"})
ONE = Annotated[
    str,
    typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.latest_incidents),
]


def show(
    incident: ONE,
    *,
    tasks: Annotated[bool, typer.Option("--tasks", help="Every Ansible task.")] = False,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show an incident on one page: how it stands, the plan, what each attempt did, who was told, what it waits for.

    The runner that you have logged in to is asked. With --settings or --journal it works on the runner's machine: what happened comes
    from the journal, how it stands now from the runner's database; with --journal only from there.
    """
    if asks_runner(settings, journal):
        _show_of_runner(incident, every_task=tasks, as_json=as_json)
        return
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
        typer.Argument(
            metavar="[INCIDENT]", help="INC-…; all incidents without it.", autocompletion=completing.incidents
        ),
    ] = None,
    *,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    as_json: AsJsonLines = False,
) -> None:
    """Follow an incident live, from its beginning until it is closed; or all that happens in incidents, until Ctrl-C.

    Ends with 0 when the incident was closed. The runner that you have logged in to is asked, and asked again when the connection
    breaks; with --settings or --journal the journal is read, on the runner's machine. With --json each step has incident, at, kind,
    stream, name and text. All incidents of a runner are told as they change, each by a step of the kind incident.changed.
    """
    if asks_runner(settings, journal):
        _watch_at_runner(incident, as_json=as_json)
        return
    import os  # noqa: PLC0415
    import time  # noqa: PLC0415

    from breakglass.reading import find_journal  # noqa: PLC0415
    from breakglass.timeline import step_object  # noqa: PLC0415
    from breakglass.watching import Watching  # noqa: PLC0415

    watching = Watching.of(find_journal(journal, settings, os.environ), incident or "")
    try:
        typer.echo(f"Watching {incident or 'all incidents'}. Ctrl-C ends it.", err=True)
        while not watching.is_over:
            with reader_may_leave():
                for happened in watching.new_events():
                    if as_json:
                        step = step_object(happened.event, happened.line)
                        print_json_line({"incident": happened.story, **step})
                    else:
                        typer.echo(happened.shown)
            if not watching.is_over:
                time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _show_of_runner(incident: str, *, every_task: bool, as_json: bool) -> None:
    import json  # noqa: PLC0415

    from breakglass.client.operating import incident_page  # noqa: PLC0415

    with signed_in() as api:
        page = incident_page(api, incident, every_task=every_task)
    lines, troubles = (page.get(name) for name in ("lines", "troubles"))
    with reader_may_leave():
        if as_json:
            typer.echo(json.dumps({name: page[name] for name in page if name not in FOR_PEOPLE}, indent=2))
        else:
            for line in lines if isinstance(lines, list) else []:
                typer.echo(line_of({LINE: line}))
    say_troubles([line_of({LINE: one}) for one in troubles] if isinstance(troubles, list) else [])


def _watch_at_runner(incident: str | None, *, as_json: bool) -> None:
    import time  # noqa: PLC0415

    from breakglass.client.watching import Watch, change_step, changes, step_line  # noqa: PLC0415

    watching = f"Watching {incident or 'all incidents'}. Ctrl-C ends it."
    try:
        with signed_in() as api:
            if incident:
                typer.echo(watching, err=True)
                for step in Watch(api, incident).steps(lambda why: typer.echo(f"{why} Trying again.", err=True)):
                    _tell(step, step_line(step), as_json=as_json)
                return
            known: dict[str, object] = {}
            list(changes(api, known))  # what was there before is not told
            typer.echo(watching, err=True)
            while True:
                time.sleep(LOOK_AT_ALL_EVERY_SECONDS)
                for one in changes(api, known):
                    _tell(change_step(one), line_of(one), as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _tell(shown: Mapping[str, object], line: str, *, as_json: bool) -> None:
    with reader_may_leave():
        if as_json:
            print_json_line(shown)
        else:
            typer.echo(line)


def _settings(journal: Path | None, settings: Path | None) -> Settings | None:
    """The settings whose database is asked: none when a journal is named."""
    from breakglass.reading import SETTINGS as HERE  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    if journal is not None or (settings is None and not HERE.is_file()):
        return None
    return load_settings(settings or HERE)
