# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass incidents`, `ack`, `cancel`, `close` and `retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from breakglass.cli import completing
from breakglass.cli.reaching import LINE, SettingsFile, asks_runner, line_of, settings_here, signed_in, without_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from breakglass.ordering import Ordering

IncidentId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.", autocompletion=completing.incidents)
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


def incidents(
    *,
    latest: Annotated[int, typer.Option("--latest", min=0, help="The newest so many, closed ones too.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    settings: SettingsFile = None,
) -> None:
    """List the incidents that are open: how they stand, what about, and what they wait for."""
    import json  # noqa: PLC0415

    found = _of_runner(latest) if asks_runner(settings) else _of_here(latest, settings)
    if as_json:
        typer.echo(json.dumps([without_line(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(line_of(one))
    if not found:
        typer.echo("No incident yet." if latest else "No incident is open.")


def ack(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None) -> None:
    """Say that you know: nobody further is called because of this incident, until something new happens in it."""
    _say(incident, "acknowledge", reason, settings)


def cancel(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None) -> None:
    """Stop an incident: nothing new begins, a play that runs is ended, its grant is closed and proven gone."""
    _say(incident, "cancel", reason, settings)


def close(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None) -> None:
    """Close an escalated incident that you have dealt with; its hosts are free again. It keeps the result that it had."""
    _say(incident, "close", reason, settings)


def retry(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None) -> None:
    """Try an escalated incident's plan once more, under the same limits of hosts and time."""
    _say(incident, "retry", reason, settings)


def _of_runner(latest: int) -> Sequence[Mapping[str, object]]:
    from breakglass.client.operating import latest_incidents, open_incidents  # noqa: PLC0415

    with signed_in() as api:
        return latest_incidents(api, latest) if latest else open_incidents(api)


def _of_here(latest: int, settings: Path | None) -> Sequence[Mapping[str, object]]:
    from breakglass.ordering import incident_line, incident_object  # noqa: PLC0415

    ordering = _ordering(settings)
    found = ordering.latest(latest) if latest else ordering.open()
    return [{**incident_object(one), LINE: incident_line(one)} for one in found]


def _say(incident: str, word: str, reason: str, settings: Path | None) -> None:
    if asks_runner(settings):
        typer.echo(_said_to_runner(incident, word, reason))
        return
    from breakglass.domain.orders import Word  # noqa: PLC0415

    typer.echo(_ordering(settings).say(incident, Word(word), reason))


def _said_to_runner(incident: str, word: str, reason: str) -> str:
    from breakglass.client.operating import say  # noqa: PLC0415

    with signed_in() as api:
        now = say(api, incident, word, reason)
    if now is None:
        return f"{incident}: said, but no runner has taken it in yet; it does so when it works."
    return line_of(now)


def _ordering(settings: Path | None) -> Ordering:
    import os  # noqa: PLC0415

    from breakglass.ordering import Ordering  # noqa: PLC0415
    from breakglass.people import person_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    return Ordering(load_settings(settings_here(settings)), person_of(os.environ))
