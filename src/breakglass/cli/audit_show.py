# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit show`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli.audit_options import (
    GREP,
    HOSTS,
    JOURNAL,
    KINDS,
    SETTINGS,
    SINCE,
    UNTIL,
    WANTED,
    reader_may_leave,
    say_troubles,
)


def show(
    wanted: WANTED = None,
    *,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    host: HOSTS = None,
    kind: KINDS = None,
    since: SINCE = None,
    until: UNTIL = None,
    grep: GREP = None,
    every: Annotated[bool, typer.Option("--all", help="Every record, also those that people need not see.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records, one JSON object a line.")] = False,
) -> None:
    """Tell what happened, as a timeline. What was begun and has no result is shown as such.

    The journal is the one of --journal, else that of the settings, else this user's own. Whether its records are genuine
    is said by: breakglass audit verify
    """
    import os  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass.reading import Troubles, find_journal, find_stories, stories  # noqa: PLC0415
    from breakglass.selection import Selection, period_of  # noqa: PLC0415
    from breakglass.showing import Show  # noqa: PLC0415

    directory = find_journal(journal, settings, os.environ)
    period = period_of(since, until, datetime.now(UTC))
    showing = Show(directory, Selection(period, frozenset(host or ()), frozenset(kind or ()), grep or ""), every)
    troubles = Troubles()
    with reader_may_leave():
        shown = 0
        for story in find_stories(directory, wanted) if wanted else stories(directory):
            if as_json:
                for line in showing.objects(story, troubles):
                    typer.echo(line)
            elif lines := list(showing.lines(story, troubles)):
                typer.echo("\n".join(["", *lines] if shown else lines))
                shown += 1
        if not shown and not as_json:
            typer.echo("Nothing of what the journal has is wanted here.")
    say_troubles(troubles.sentences)
