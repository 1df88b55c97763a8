# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass incidents`, `ack`, `cancel`, `close` and `retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli import completing
from breakglass.cli.json_output import AsJson, AsJsonList, print_json
from breakglass.cli.reaching import LINE, SettingsFile, asks_runner, line_of, settings_here, signed_in, without_line
from breakglass.domain.closing import Closing

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
    as_json: AsJsonList = False,
    settings: SettingsFile = None,
) -> None:
    """List the incidents that are open: how they stand, what about, and what they wait for."""
    found = _of_runner(latest) if asks_runner(settings) else _of_here(latest, settings)
    if as_json:
        print_json([without_line(one) for one in found])
        return
    for one in found:
        typer.echo(line_of(one))
    if not found:
        typer.echo("No incident yet." if latest else "No incident is open.")


def ack(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None, *, as_json: AsJson = False) -> None:
    """Say that you know: nobody further is called because of this incident, until something new happens in it."""
    _say(incident, "acknowledge", reason, settings, as_json=as_json)


def cancel(
    incident: IncidentId, reason: Reason = "", settings: SettingsFile = None, *, as_json: AsJson = False
) -> None:
    """Stop an incident: nothing new begins, a play that runs is ended, its grant is closed and proven gone."""
    _say(incident, "cancel", reason, settings, as_json=as_json)


def close(
    incident: IncidentId,
    reason: Reason = "",
    verdict: Annotated[
        Optional[Closing],  # noqa: UP045 (typer reads it)
        typer.Option("--verdict", help="What it was: repaired by people, a false alarm, or accepted as it is."),
    ] = None,
    settings: SettingsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Close an escalated incident that you have dealt with; its hosts are free again. It keeps the result that it had.

    `breakglass report` counts the verdicts of each trigger: many false alarms mean that its alert is wrong.
    """
    _say(incident, "close", reason, settings, verdict, as_json=as_json)


def retry(incident: IncidentId, reason: Reason = "", settings: SettingsFile = None, *, as_json: AsJson = False) -> None:
    """Try an escalated incident's plan once more, under the same limits of hosts and time."""
    _say(incident, "retry", reason, settings, as_json=as_json)


def _of_runner(latest: int) -> Sequence[Mapping[str, object]]:
    from breakglass.client.operating import latest_incidents, open_incidents  # noqa: PLC0415

    with signed_in() as api:
        return latest_incidents(api, latest) if latest else open_incidents(api)


def _of_here(latest: int, settings: Path | None) -> Sequence[Mapping[str, object]]:
    from breakglass.ordering import incident_line, incident_object  # noqa: PLC0415

    ordering = _ordering(settings)
    found = ordering.latest(latest) if latest else ordering.open()
    return [{**incident_object(one), LINE: incident_line(one)} for one in found]


def _say(
    incident: str, word: str, reason: str, settings: Path | None, verdict: Closing | None = None, *, as_json: bool
) -> None:
    said = (
        _said_to_runner(incident, word, reason, verdict)
        if asks_runner(settings)
        else _said_here(incident, word, reason, settings, verdict)
    )
    if as_json:
        print_json(without_line(said))
        return
    typer.echo(line_of(said))


def _said_here(
    incident: str, word: str, reason: str, settings: Path | None, verdict: Closing | None
) -> Mapping[str, object]:
    from breakglass.domain.orders import Word  # noqa: PLC0415

    return {"id": incident, "said": word, LINE: _ordering(settings).say(incident, Word(word), reason, verdict)}


def _said_to_runner(incident: str, word: str, reason: str, verdict: Closing | None) -> Mapping[str, object]:
    from breakglass.client.operating import say  # noqa: PLC0415

    with signed_in() as api:
        now = say(api, incident, word, reason, verdict.value if verdict else "")
    if now is None:
        not_yet = f"{incident}: said, but no runner has taken it in yet; it does so when it works."
        return {"id": incident, "said": word, "taken_in": False, LINE: not_yet}
    return {**now, "said": word, "taken_in": True}


def _ordering(settings: Path | None) -> Ordering:
    import os  # noqa: PLC0415

    from breakglass.ordering import Ordering  # noqa: PLC0415
    from breakglass.people import person_of  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    return Ordering(load_settings(settings_here(settings)), person_of(os.environ))
