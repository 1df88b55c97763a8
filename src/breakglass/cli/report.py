# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass report`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli.audit_options import JOURNAL, SETTINGS, UNTIL, reader_may_leave, say_troubles


def report(
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="MOMENT", help="2026-11-22, 2026-11-22T03:00 (UTC), or 7d: so long ago.")
    ] = "7d",
    until: UNTIL = None,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; spans are in seconds.")] = False,
) -> None:
    """Say what each trigger did or would have done: for who owns the policy, and who is on call.

    How many alerts met it; how many were repaired, or would have been; what waited and what was refused, and why; what
    ended by itself and what people had to end, and how long that took. Read from the journal. For an auditor, with
    grants, credentials and the verifier's word, there is: breakglass audit report
    """
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from breakglass.reading import Troubles, find_journal  # noqa: PLC0415
    from breakglass.report.by_trigger import report_lines, report_object  # noqa: PLC0415
    from breakglass.selection import period_of  # noqa: PLC0415
    from breakglass.triggers_report import report_on_triggers  # noqa: PLC0415

    directory, troubles = find_journal(journal, settings, os.environ), Troubles()
    made = report_on_triggers(directory, period_of(since, until, datetime.now(UTC)), troubles)
    with reader_may_leave():
        if as_json:
            typer.echo(json.dumps(report_object(made), indent=2))
        else:
            for line in report_lines(made):
                typer.echo(line)
    say_troubles(troubles.sentences)
