# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit export`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli.audit_options import (
    HOSTS,
    JOURNAL,
    KINDS,
    OUTPUT,
    SETTINGS,
    SINCE,
    UNTIL,
    WANTED,
    reader_may_leave,
    say_troubles,
)
from breakglass.formats import Format


def export(
    wanted: WANTED = None,
    *,
    form: Annotated[
        Format, typer.Option("--format", help="OCSF 1.8, CloudEvents 1.0, CSV, or the journal's own lines.")
    ] = Format.JSONL,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    since: SINCE = None,
    until: UNTIL = None,
    host: HOSTS = None,
    kind: KINDS = None,
    output: OUTPUT = None,
) -> None:
    """Write records as OCSF, CloudEvents, CSV or JSON lines.

    One record a line, stream after stream, whatever the size of the journal.
    """
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable  # noqa: PLC0415

    from breakglass.exporting import exported, whole_file  # noqa: PLC0415
    from breakglass.reading import Troubles, find_journal, find_stories, stories  # noqa: PLC0415
    from breakglass.selection import Selection, period_of  # noqa: PLC0415

    directory = find_journal(journal, settings, os.environ)
    period = period_of(since, until, datetime.now(UTC))
    selection = Selection(period, frozenset(host or ()), frozenset(kind or ()))
    chosen, troubles = find_stories(directory, wanted) if wanted else stories(directory), Troubles()
    pieces = exported(directory, chosen, selection, form, troubles)
    if output is None:
        with reader_may_leave():
            for piece in pieces:
                typer.echo(piece if not sys.stdout.isatty() else printable(piece.rstrip("\r\n")) + "\n", nl=False)
    else:
        with whole_file(output) as file:
            file.writelines(pieces)
    say_troubles(troubles.sentences)
