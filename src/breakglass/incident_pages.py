# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding what stands on the page of an incident: its records in the journal, and its document in the runner's database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.ordering import Ordering
from breakglass.reading import find_story, records_by_time
from breakglass.report.case import Case
from breakglass.report.folding import case_of
from breakglass.report.incident_page import Standing, standing_by, standing_of
from breakglass.store.journal_queue import incident_directory
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.domain.incident import Incident
    from breakglass.reading import Troubles
    from breakglass.settings import Settings
    from breakglass.timeline import Event


OUTPUT = "session.output"


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


def page_of(journal: Path, incident: Incident, now: datetime, troubles: Troubles) -> Page:
    """The page of an incident whose document is at hand; where the journal here has nothing of it, what the document says.

    That is so before its first record stands there, after its streams went to the archive, and where another runner works on
    it, which has a journal of its own.
    """
    directory = incident_directory(incident.id, incident.opened_at)
    streams = sorted(f"{directory}/{path.name}" for path in (journal / directory).glob("*.jsonl"))
    records = [_light(record) for record in records_by_time(journal, streams, troubles)]
    if records:
        case = case_of(incident.id, records, now, troubles.sentences)
    else:
        plan = incident.course.plan
        case = Case(
            incident.id,
            incident.opened_at,
            incident.since,
            trigger=incident.course.trigger,
            access=plan.access if plan else "",
            hosts=incident.course.hosts,
        )
    return Page(case, [event_of(record) for record in records], standing_of(incident))


def _light(record: Record) -> Record:
    """A record without what a terminal showed: a page does not tell it, and the runner's memory is not for it."""
    return replace(record, body={}) if record.kind == OUTPUT else record


def _document(name: str, settings: Settings, troubles: Troubles) -> Incident | None:
    """The database's word on it; without one the journal's has to do, and that is said."""
    try:
        return Ordering(settings, "").show(name)
    except BreakglassError as error:
        troubles.add(f"How it stands is told by the journal alone. {error}")
        return None
