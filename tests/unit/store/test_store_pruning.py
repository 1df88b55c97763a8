# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, make_alert, make_course

from breakglass.domain.alert import AlertStatus
from breakglass.domain.draft import Decision, Note
from breakglass.domain.holds import Scope
from breakglass.domain.incident import Result, State
from breakglass.domain.orders import Ordered, Word
from breakglass.store import pruning as pruning_module
from breakglass.store.drills import DrillRuns
from breakglass.store.inbox import Arrival, Reached
from breakglass.store.orders import Orders
from breakglass.store.pruning import Pruning
from breakglass.store.tables import HOLD, INBOX, INCIDENT, METADATA, ORDER, OUTBOX, REPAIR, REVIEW, STREAM

if TYPE_CHECKING:
    from breakglass.domain.alert import Alert
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents
    from breakglass.store.journal_queue import JournalQueue

KEEP = timedelta(days=30)


@pytest.fixture
def pruning(database: Database) -> Pruning:
    return Pruning(database)


def alert(name: str, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    return replace(make_alert(fingerprint=name, group=name), status=status)


def arrive(incidents: Incidents, name: str, opens: str = "", status: AlertStatus = AlertStatus.FIRING) -> Reached:
    """An alert of this name comes in, and opens an incident if none is open."""
    (accepted,) = incidents.accept([Arrival(alert(name, status), make_course(), opens or name)])
    return accepted.reached


def close(incidents: Incidents, name: str) -> None:
    """Its incident ends, as the engine commits it."""
    claimed = incidents.claim()
    assert claimed is not None
    assert claimed.incident.id == name
    ended = replace(claimed.incident, state=State.CLOSED, result=Result.OBSERVED)
    incidents.commit(claimed, Decision(ended, (), None), f"2026/11/22/{name}/runner")


def age(database: Database, by: timedelta) -> None:
    """Time goes by: all moments that count here lie further back."""
    shift = round(by.total_seconds() * 1000)
    with database.transaction() as connection:
        for column in (INCIDENT.c.closed_at, INBOX.c.heard_at, STREAM.c.sealed_at, STREAM.c.announced_at, REPAIR.c.at):
            connection.execute(sa.update(column.table).values({column: column - shift}))


def ids(database: Database, table: sa.Table = INCIDENT) -> list[str]:
    column = INCIDENT.c.id if table is INCIDENT else table.c.incident
    with database.reading() as connection:
        return sorted(set(connection.execute(sa.select(column)).scalars()))


def closed_long_ago(incidents: Incidents, database: Database, *names: str) -> None:
    for name in names:
        arrive(incidents, name)
        close(incidents, name)
    age(database, KEEP + DAY)


def test_what_closed_long_ago_is_forgotten_with_all_that_belongs_to_it(
    incidents: Incidents, pruning: Pruning, database: Database, queue: JournalQueue
) -> None:
    """Its messages, orders and repairs go with it; what it was is recorded, and what is younger or open stays."""
    for name in ("OLD", "YOUNG"):
        arrive(incidents, name)
        Orders(database).give(name, Ordered(Word.CANCEL, "ada", "x"))
        with database.transaction() as connection:
            connection.execute(sa.insert(REPAIR).values(incident=name, host="web1", trigger="t", at=0))
        close(incidents, name)
        age(database, KEEP + HOUR if name == "OLD" else KEEP - HOUR * 2)
        queue.written([note.seq for note in queue.waiting()])
    arrive(incidents, "OPEN")
    # OLD is older than both spans together by now; YOUNG is not as old as the span.
    assert pruning.prune(KEEP, 100) == ["OLD"]
    assert ids(database) == ["OPEN", "YOUNG"]
    assert "OLD" not in ids(database, INBOX) + ids(database, ORDER) + ids(database, REPAIR)
    (note,) = queue.waiting()
    assert (note.kind, note.body["incidents"]) == ("incidents.pruned", ["OLD"])
    assert pruning.prune(KEEP, 100) == []


def test_in_batches_oldest_first(incidents: Incidents, pruning: Pruning, database: Database) -> None:
    """No transaction takes long, however much has come together."""
    closed_long_ago(incidents, database, *"ABCDE")
    assert [pruning.prune(KEEP, 2) for _ in range(4)] == [["A", "B"], ["C", "D"], ["E"], []]


def test_an_open_incident_is_never_forgotten(incidents: Incidents, pruning: Pruning, database: Database) -> None:
    """However long it has been waiting for people."""
    arrive(incidents, "A")
    age(database, 20 * KEEP)
    assert pruning.prune(KEEP, 10) == []
    assert ids(database) == ["A"]


def test_nothing_before_its_journal_is_sealed(
    incidents: Incidents, pruning: Pruning, database: Database, queue: JournalQueue
) -> None:
    """Neither while a record waits to be written, nor while one of its streams waits for its seal."""
    closed_long_ago(incidents, database, "A")
    path = "2026/11/22/A/runner"
    with database.transaction() as connection:
        from breakglass.store import journal_queue  # noqa: PLC0415

        journal_queue.add(connection, path, [Note("incident.closed", {})])
    assert pruning.prune(KEEP, 10) == []
    queue.announced(path, "A")
    queue.written([note.seq for note in queue.waiting()])
    assert pruning.prune(KEEP, 10) == []
    queue.sealed([path])
    assert pruning.prune(KEEP, 10) == ["A"]


def test_what_a_hold_or_a_drill_goes_back_to(incidents: Incidents, pruning: Pruning, database: Database) -> None:
    """A hold says which incident has set it; a drill's result may not have been told yet."""
    closed_long_ago(incidents, database, "HELD", "DRILL")
    row = {
        "scope": Scope.HOST,
        "name": "web1",
        "reason": "x",
        "person": "",
        "incident": "HELD",
        "since": 0,
        "told_at": 0,
    }
    with database.transaction() as connection:
        connection.execute(sa.insert(HOLD).values(row))
    DrillRuns(database).ask("monthly", "DRILL", "ada")
    assert pruning.prune(KEEP, 10) == []
    with database.transaction() as connection:
        connection.execute(sa.delete(HOLD))
    assert DrillRuns(database).withdraw("DRILL")
    assert sorted(pruning.prune(KEEP, 10)) == ["DRILL", "HELD"]


def test_an_override_is_kept_until_its_review_is_settled(
    incidents: Incidents, pruning: Pruning, database: Database
) -> None:
    """Nobody has judged it, or its alert is not said to be over: both still need the incident."""
    closed_long_ago(incidents, database, "A")
    with database.transaction() as connection:
        connection.execute(sa.insert(REVIEW).values(incident="A", due_at=0, told=True, called=False, verdict=""))
    assert pruning.prune(KEEP, 10) == []
    for change in ({"verdict": "justified"}, {"told": False}):
        assert pruning.prune(KEEP, 10) == []
        with database.transaction() as connection:
            connection.execute(sa.update(REVIEW).values(**change))
    assert pruning.prune(KEEP, 10) == ["A"]


def test_every_table_that_names_incidents_is_thought_of() -> None:
    """One that is new has to say whether it goes with the incident, or keeps it."""
    naming = {table for table in METADATA.tables.values() for key in table.foreign_keys if key.column is INCIDENT.c.id}
    assert naming == {*pruning_module.GOES_WITH_IT, *pruning_module.NAMED_BY}


def test_what_is_still_repeated_is_no_news(incidents: Incidents, pruning: Pruning, database: Database) -> None:
    """An alert that fires on after its incident was closed opens no second one, for as long as its sender repeats it."""
    closed_long_ago(incidents, database, "A")
    assert arrive(incidents, "A", opens="A2") is Reached.REPEATED
    assert pruning.prune(KEEP, 10) == []
    assert arrive(incidents, "A", opens="A2") is Reached.REPEATED
    age(database, KEEP + DAY)
    assert pruning.prune(KEEP, 10) == ["A"]
    assert arrive(incidents, "A", opens="A2") is Reached.OPENED, "nobody has heard of it for so long that it is news"


def test_a_repetition_writes_once_an_hour(incidents: Incidents, database: Database) -> None:
    """A sender that repeats itself every minute costs the disk nothing."""

    def heard_at() -> int:
        with database.reading() as connection:
            return connection.execute(sa.select(INBOX.c.heard_at)).scalar_one()

    arrive(incidents, "A")
    first = heard_at()
    arrive(incidents, "A")
    assert heard_at() == first
    age(database, HOUR * 2)
    arrive(incidents, "A")
    assert heard_at() >= first


def test_a_repetition_is_known_by_what_was_said_before(
    incidents: Incidents, pruning: Pruning, database: Database
) -> None:
    """Fires, resolves, fires again: the second is told from its repetition by the resolution, which is kept for that."""
    arrive(incidents, "A", opens="FIRST")
    arrive(incidents, "A", status=AlertStatus.RESOLVED)
    close(incidents, "FIRST")
    age(database, KEEP + DAY)
    assert arrive(incidents, "A", opens="SECOND") is Reached.OPENED
    assert pruning.prune(KEEP, 10) == []
    assert arrive(incidents, "A", opens="THIRD") is Reached.REPEATED
    close(incidents, "SECOND")
    age(database, KEEP + DAY)
    assert pruning.prune(KEEP, 10) == ["SECOND"]
    assert pruning.prune(KEEP, 10) == ["FIRST"]


def test_a_fault_that_comes_every_day_does_not_fill_the_database(
    incidents: Incidents, pruning: Pruning, database: Database
) -> None:
    """Of many incidents of one fault only the last few are kept for telling what is repeated."""
    for number in range(10):
        arrive(incidents, "A", opens=f"INC-{number}")
        arrive(incidents, "A", status=AlertStatus.RESOLVED)
        close(incidents, f"INC-{number}")
    age(database, KEEP + DAY)
    arrive(incidents, "A", opens="NOW")
    assert len(pruning.prune(KEEP, 100)) >= 9
    assert arrive(incidents, "A", opens="NOT") is Reached.REPEATED


def test_names_of_streams(
    pruning: Pruning, database: Database, queue: JournalQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old ones are forgotten but for the newest of each runner, by which a restored database is told from this one."""
    monkeypatch.setattr(pruning_module, "STREAMS_KEPT", 2)
    for path in "abcd":
        queue.announced(path, None)
        age(database, DAY)
    queue.announced("open", None)
    queue.sealed(list("abcd"))
    age(database, KEEP + DAY)
    assert pruning.prune_streams(KEEP) == 3
    assert queue.unknown(["a", "b", "c", "d", "open"]) == ["a", "b", "c"]
    assert pruning.prune_streams(KEEP) == 0
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(OUTBOX)).scalar_one() == 0
