# SPDX-License-Identifier: GPL-3.0-or-later
"""Collecting a handover: how things stand from the runner's database, what was opened and lives on from the journal."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from breakglass.holding import insist
from breakglass.reading import records_by_time, stories
from breakglass.report.folding import case_of
from breakglass.report.handover import Alive, Handover
from breakglass.store.database import Database
from breakglass.store.digests import Digests
from breakglass.store.drills import DrillRuns
from breakglass.store.holds import Holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from breakglass.reading import Story, Troubles
    from breakglass.report.case import Case
    from breakglass.settings import Settings

CASES = ("INC-", "RUN-")
MEANT_TO_LIVE = ("ssh_host", "pki_host")
"""Certificates of hosts and their services outlive the grant on purpose."""


def hand_over(settings: Settings, since: datetime, now: datetime, troubles: Troubles) -> Handover:
    """Collect it; `troubles` takes what of the journal could not be read.

    Raises:
        DatabaseUnavailable: How things stand can't be said.
    """
    with closing(Database.beside(*settings.database)) as database:
        period = insist(lambda: Digests(database).since(since))
        drills = insist(lambda: DrillRuns(database).ended_between(since, period.until))
        holds = insist(Holds(database).standing)
    names = {incident.id for incident in period.open}
    alive = list(_alive(settings.journal.directory, names, since, now, troubles))
    return Handover(now, since, period.open, period.ended, period.unread, holds, drills, alive)


def _alive(
    journal: Path, names: Collection[str], since: datetime, now: datetime, troubles: Troubles
) -> Iterator[Alive]:
    for story in stories(journal):
        if story.name.startswith(CASES) and (story.name in names or _day_of(story) >= f"{since:%Y/%m/%d}"):
            records = list(records_by_time(journal, story.streams, troubles))
            if records:
                yield from alive_of(case_of(story.name, records, now), now)


def alive_of(case: Case, now: datetime) -> Iterator[Alive]:
    """What of an incident or run is not over."""
    for grant in case.grants:
        if grant.proven_at is None:
            why = f"NOT PROVEN GONE: {grant.why}" if grant.why else "open"
            yield Alive(case.name, f"grant {grant.accessor[:6]}… is {why}", grant.expires_at)
    for life in case.credentials:
        if life.lives_until > f"{now:%Y-%m-%dT%H:%M:%SZ}" and life.kind not in MEANT_TO_LIVE:
            yield Alive(case.name, life.what, life.lives_until)


def _day_of(story: Story) -> str:
    """The day of its directory, `2026/11/22`."""
    return "/".join(story.streams[0].split("/")[:3])
