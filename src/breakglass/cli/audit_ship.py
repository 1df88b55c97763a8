# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit ship`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ship(
    settings: Annotated[Path, typer.Option("--settings", help="The settings of this installation.")] = Path(
        "settings.yml"
    ),
    *,
    once: Annotated[bool, typer.Option("--once", help="Ship what is there, and end.")] = False,
    within: Annotated[int, typer.Option("--within", help="With --once: seconds to wait for acknowledgements.")] = 60,
) -> None:
    """Ship the journal to its sinks, until SIGTERM. 0 all is acknowledged, 1 something is not, 3 wrong use.

    `breakglass serve` does this by itself; two shippers of one journal exclude each other.
    """
    from breakglass.settings import load_settings  # noqa: PLC0415
    from breakglass.shipping_once import ship_now, ship_on  # noqa: PLC0415

    journal = load_settings(settings).journal
    result = ship_now(journal, within) if once else ship_on(journal, lambda text: typer.echo(text, err=True))
    for line in result.lines:
        typer.echo(line)
    raise typer.Exit(result.exit_code)
