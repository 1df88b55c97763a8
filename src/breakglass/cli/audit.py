# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit`."""

from __future__ import annotations

import typer

from breakglass.cli import (
    audit_archive,
    audit_export,
    audit_key,
    audit_report,
    audit_ship,
    audit_show,
    audit_tail,
    audit_verify,
)

app = typer.Typer(help="The journal.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The journal."""


app.command()(audit_show.show)
app.command()(audit_tail.tail)
app.command()(audit_verify.verify)
app.command()(audit_report.report)
app.command()(audit_export.export)
app.command()(audit_ship.ship)
app.command()(audit_archive.archive)
app.command()(audit_key.key)
