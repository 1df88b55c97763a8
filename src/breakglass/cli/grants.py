# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass grants`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli.reaching import SettingsFile, asks_runner, line_of, settings_here, signed_in, without_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def grants(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = None,
) -> None:
    """List what is open now: which access on which hosts, for whom, until when; and what is being opened or closed."""
    import json  # noqa: PLC0415

    found = _of_runner() if asks_runner(settings) else _of_here(settings)
    if as_json:
        typer.echo(json.dumps([without_line(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(line_of(one))
    if not found:
        typer.echo("No grant is open.")


def _of_runner() -> Sequence[Mapping[str, object]]:
    from breakglass.client.operating import open_grants  # noqa: PLC0415

    with signed_in() as api:
        return open_grants(api)


def _of_here(settings: Path | None) -> Sequence[Mapping[str, object]]:
    from breakglass.open_grants import grant_shown, has_grant  # noqa: PLC0415
    from breakglass.ordering import Ordering  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    ordering = Ordering(load_settings(settings_here(settings)), "")
    return [grant_shown(one) for one in ordering.open() if has_grant(one)]
