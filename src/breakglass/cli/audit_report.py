# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from breakglass.cli.audit_options import JOURNAL, OUTPUT, SETTINGS, SINCE, UNTIL, reader_may_leave
from breakglass.formats import Form


def report(
    incident: Annotated[
        Optional[str],  # noqa: UP045 (typer reads it)
        typer.Argument(metavar="[INCIDENT|RUN]", help="INC-… or RUN-…; without it all of a period."),
    ] = None,
    *,
    since: SINCE = None,
    until: UNTIL = None,
    form: Annotated[
        Form, typer.Option("--format", help="Markdown, or one HTML file that loads nothing.")
    ] = Form.MARKDOWN,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    output: OUTPUT = None,
    key: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File with the public keys of the checkpoints (journal.keys)."),
    ] = None,
    anchors: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File with the anchors, instead of Vault's."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Vault.")] = False,
) -> None:
    """Report on an incident, a run or a period.

    Who, what, why, when, approvals, grants and credentials and their end, result, and what the verifier says of the
    journal. A period (--since, --until) has every incident and run that began in it, for an auditor. Ends like
    `audit verify`: 0 intact, 1 could not be checked, 2 changed. What each trigger did, for who owns the policy, says:
    breakglass report
    """
    import os  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass.exporting import whole_file  # noqa: PLC0415
    from breakglass.reading import find_journal, find_story  # noqa: PLC0415
    from breakglass.reporting import Reporter, written  # noqa: PLC0415
    from breakglass.selection import period_of  # noqa: PLC0415
    from breakglass.verification import Witnesses  # noqa: PLC0415

    if incident is None and since is None:
        raise typer.BadParameter("Name an incident or run, or a period with --since.")
    if incident is not None and (since or until):
        raise typer.BadParameter("A report is on an incident or on a period, not on both.")
    directory, now = find_journal(journal, settings, os.environ), datetime.now(UTC)
    reporter = Reporter(directory, Witnesses(key, anchors, offline), os.environ, now)
    if incident is not None:
        document, exit_code = reporter.on_case(find_story(directory, incident))
    else:
        document, exit_code = reporter.on_period(period_of(since, until, now))
    text = written(document, form)
    if output is None:
        with reader_may_leave():
            typer.echo(text, nl=False)
    else:
        with whole_file(output) as file:
            file.write(text)
    raise typer.Exit(exit_code)
