# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding what stands on the page of an incident: its records in the journal, and its document in the runner's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.ordering import Ordering
from breakglass.reading import find_story, records_by_time
from breakglass.report.folding import case_of
from breakglass.report.incident_page import Standing, standing_by, standing_of
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.reading import Troubles
    from breakglass.report.case import Case
    from breakglass.settings import Settings
    from breakglass.timeline import Event


class NoIncident(BreakglassError):
    """Raised when something else than an incident is asked for."""


@dataclass(frozen=True)
class Page:
    """What there is to show.

    Attributes:
        case: Folded from its records.
        events: The records, by time.
        standing: How it stands.
    """

    case: Case
    events: Sequence[Event]
    standing: Standing


def find_page(journal: Path, name: str, settings: Settings | None, now: datetime, troubles: Troubles) -> Page:
    """Read it; `settings` say where the database is, None for a journal alone.

    Raises:
        UnknownStory: The journal has no such incident.
        NoIncident: It is no incident.
        EmptyCase: It has no record that can be read.
    """
    if not name.startswith("INC-"):
        raise NoIncident(f"{name[:80]} is not an incident; they are called INC-…. See: breakglass audit show")
    story = find_story(journal, name)
    records = list(records_by_time(journal, story.streams, troubles))
    case = case_of(story.name, records, now, troubles.sentences)
    events = [event_of(record) for record in records]
    incident = _document(name, settings, troubles) if settings else None
    return Page(case, events, standing_of(incident) if incident else standing_by(name, events))


def _document(name: str, settings: Settings, troubles: Troubles) -> Incident | None:
    """The database's word on it; without one the journal's has to do, and that is said."""
    try:
        return Ordering(settings, "").show(name)
    except BreakglassError as error:
        troubles.add(f"How it stands is told by the journal alone. {error}")
        return None
