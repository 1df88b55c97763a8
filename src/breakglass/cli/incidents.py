# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass incidents`, `ack`, `cancel`, `close` and `retry`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from breakglass.domain.orders import Word
    from breakglass.ordering import Ordering

SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]
IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
SETTINGS = Path("settings.yml")


def incidents(
    *,
    latest: Annotated[int, typer.Option("--latest", min=0, help="The newest so many, closed ones too.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = SETTINGS,
) -> None:
    """List the incidents that are open: how they stand, what about, and what they wait for."""
    import json  # noqa: PLC0415

    from breakglass.ordering import incident_line, incident_object  # noqa: PLC0415

    ordering = _ordering(settings)
    found = ordering.latest(latest) if latest else ordering.open()
    if as_json:
        typer.echo(json.dumps([incident_object(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(incident_line(one))
    if not found:
        typer.echo("No incident yet." if latest else "No incident is open.")


def ack(incident: IncidentId, reason: Reason = "", settings: SettingsFile = SETTINGS) -> None:
    """Say that you know: nobody further is called because of this incident, until something new happens in it."""
    from breakglass.domain.orders import Word  # noqa: PLC0415

    _say(incident, Word.ACKNOWLEDGE, reason, settings)


def cancel(incident: IncidentId, reason: Reason = "", settings: SettingsFile = SETTINGS) -> None:
    """Stop an incident: nothing new begins, a play that runs is ended, its grant is closed and proven gone."""
    from breakglass.domain.orders import Word  # noqa: PLC0415

    _say(incident, Word.CANCEL, reason, settings)


def close(incident: IncidentId, reason: Reason = "", settings: SettingsFile = SETTINGS) -> None:
    """Close an escalated incident that you have dealt with; its hosts are free again. It keeps the result that it had."""
    from breakglass.domain.orders import Word  # noqa: PLC0415

    _say(incident, Word.CLOSE, reason, settings)


def retry(incident: IncidentId, reason: Reason = "", settings: SettingsFile = SETTINGS) -> None:
    """Try an escalated incident's plan once more, under the same limits of hosts and time."""
    from breakglass.domain.orders import Word  # noqa: PLC0415

    _say(incident, Word.RETRY, reason, settings)


def _say(incident: str, word: Word, reason: str, settings: Path) -> None:
    typer.echo(_ordering(settings).say(incident, word, reason))


def _ordering(settings: Path) -> Ordering:
    import os  # noqa: PLC0415

    from breakglass.ordering import Ordering  # noqa: PLC0415
    from breakglass.people import person_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    return Ordering(load_settings(settings), person_of(os.environ))
