# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import HOUR, make_alert, make_course, make_plan

from breakglass.domain.draft import Decision, Note
from breakglass.domain.incident import Incident, Result, State
from breakglass.domain.schedule import Schedule
from breakglass.store.database import moment, now
from breakglass.store.digests import Digests
from breakglass.store.drills import DrillRuns
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Committed, Incidents
from breakglass.store.tables import DIGEST, INCIDENT

if TYPE_CHECKING:
    from datetime import datetime

    from breakglass.store.database import Database
    from breakglass.store.journal_queue import JournalQueue

NOTE = Note("digest.delivered", {"channel": "chat"})


@pytest.fixture
def digests(database: Database) -> Digests:
    return Digests(database)


def clock(database: Database) -> datetime:
    with database.reading() as connection:
        return now(connection)


def soon(database: Database) -> Schedule:
    """A schedule whose time comes ten minutes after the database's present one, on some day."""
    at = clock(database) + timedelta(minutes=10)
    return Schedule("day", time(at.hour, at.minute, tzinfo=None), "UTC")


def sleep(database: Database, span: timedelta) -> None:
    """As if the table had been left alone for so long."""
    milliseconds = round(span.total_seconds() * 1000)
    earlier = {name: DIGEST.c[name] - milliseconds for name in ("looked_until", "told_until", "due_at", "try_at")}
    with database.transaction() as connection:
        connection.execute(sa.update(DIGEST).values(**earlier))


def close(database: Database, name: str, result: Result = Result.REPAIRED) -> Incident:
    """An incident comes, and ends."""
    incidents = Incidents(database)
    incidents.accept([Arrival(make_alert(group=name, fingerprint=name), make_course(plan=make_plan(name)), name)])
    claimed = incidents.claim()
    assert claimed is not None
    ended = replace(claimed.incident, state=State.CLOSED, result=result)
    assert incidents.commit(claimed, Decision(ended, (), None), "stream") is Committed.DONE
    return ended


def test_the_first_look_begins(digests: Digests, database: Database) -> None:
    """Nothing is due; what was before is never told."""
    schedule = soon(database)
    assert digests.look(schedule) is None
    with database.reading() as connection:
        row = connection.execute(sa.select(DIGEST)).one()
    assert moment(row.told_until) == moment(row.looked_until)
    assert moment(row.told_until).tzinfo is UTC
    assert (row.due_at, row.failures) == (None, 0)


def test_it_is_due_until_it_was_delivered(digests: Digests, database: Database, queue: JournalQueue) -> None:
    """Also for another process, and not while it pauses; each try is recorded."""
    schedule = soon(database)
    digests.look(schedule)
    sleep(database, timedelta(days=1))
    due = digests.look(schedule)
    assert due is not None
    assert Digests(database).look(schedule) == due
    failed = digests.failed(due, Note("digest.not_delivered", {"why": "it is down"}))
    assert (failed.failures, failed.due_at) == (1, due.due_at)
    assert digests.look(schedule) is None
    sleep(database, HOUR)
    again = digests.look(schedule)
    assert again is not None
    assert again.failures == 1
    digests.delivered(again, clock(database), NOTE)
    assert digests.look(schedule) is None
    assert [queued.kind for queued in queue.waiting()] == ["digest.not_delivered", "digest.delivered"]


def test_what_ended_since(digests: Digests, database: Database) -> None:
    """In the order in which it ended, and each only once; what is open stands beside it."""
    before = clock(database)
    first, second = close(database, "INC-A"), close(database, "INC-B", Result.FAILED)
    Incidents(database).accept([Arrival(make_alert(group="c", fingerprint="c"), make_course(), "INC-C")])
    period = digests.since(before)
    assert period.since == before <= period.until <= clock(database)
    assert [one.id for one in period.ended] == [first.id, second.id]
    assert [one.id for one in period.open] == ["INC-C"]
    assert period.unread == 0
    third = close(database, "INC-C2")
    assert [one.id for one in digests.since(period.until).ended] == [third.id]


def test_what_can_not_be_read_is_counted(digests: Digests, database: Database) -> None:
    """It keeps nothing else from being told."""
    before = clock(database)
    close(database, "INC-A")
    close(database, "INC-B")
    with database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == "INC-A").values(document="{}"))
    period = digests.since(before)
    assert ([one.id for one in period.ended], period.unread) == (["INC-B"], 1)


def test_more_than_is_read(digests: Digests, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted."""
    monkeypatch.setattr("breakglass.store.digests.MOST", 2)
    before = clock(database)
    for name in ("INC-A", "INC-B", "INC-C"):
        close(database, name)
    period = digests.since(before)
    assert ([one.id for one in period.ended], period.unread) == (["INC-A", "INC-B"], 1)


def test_drills_that_ended(database: Database) -> None:
    """Within a period; one that was withdrawn never was."""
    runs, before = DrillRuns(database), clock(database)
    for name in ("passed", "withdrawn", "open"):
        runs.ask(name, f"INC-DRILL-{name}", "ada")
    run = runs.of("INC-DRILL-passed")
    assert run is not None
    runs.ended(run, "passed", [])
    assert runs.withdraw("INC-DRILL-withdrawn")
    after = clock(database)
    assert [one.name for one in runs.ended_between(before, after)] == ["passed"]
    assert runs.ended_between(after, after + HOUR) == []
