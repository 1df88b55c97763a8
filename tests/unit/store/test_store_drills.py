# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills in the store: asked for, begun, over; and never in the way of what is real."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import NEVER_WAITS, make_alert, make_course, make_incident, make_plan

from breakglass.domain.draft import Decision
from breakglass.domain.drills import MANY
from breakglass.domain.incident import State
from breakglass.domain.messages import Blocked, GaveWay, OverLimit, Reserved
from breakglass.domain.orders import Word
from breakglass.domain.rules import Mode
from breakglass.store.drills import CLOCK, DrillRuns
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Claimed, Incidents
from breakglass.store.limits import Reservations
from breakglass.store.tables import HOST_CLAIM

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.store.database import Database
    from breakglass.store.journal_queue import JournalQueue

SCHEDULE = "every monday at 10:00 UTC"


@pytest.fixture
def runs(database: Database) -> DrillRuns:
    return DrillRuns(database)


@pytest.fixture
def reservations(database: Database) -> Reservations:
    return Reservations(database, concurrent_plays=1)


def stored(incidents: Incidents, name: str, drill: str = "") -> Incident:
    """An incident on web1 that is in the database."""
    limits = replace(NEVER_WAITS, repairs_per_day=MANY if drill else 1)
    course = replace(make_course(plan=make_plan(), limits=limits), drill=drill)
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), course, name)])
    return make_incident(course, name=name)


def drill_at_work(runs: DrillRuns, incidents: Incidents, reservations: Reservations) -> Incident:
    """A drill that has claimed web1."""
    runs.ask("shop", "INC-DRILL-1", "ada")
    incident = stored(incidents, "INC-DRILL-1", drill="shop")
    runs.begun("INC-DRILL-1", "web1", check=True)
    assert isinstance(reservations.reserve(incident), Reserved)
    return incident


def into(incidents: Incidents, name: str, state: State) -> None:
    """The incident gets into a state, as the engine commits it."""
    busy: list[str] = []
    while (claimed := incidents.claim(busy)) is not None and claimed.incident.id != name:
        busy.append(claimed.incident.id)
    assert isinstance(claimed, Claimed)
    incidents.commit(claimed, Decision(replace(claimed.incident, state=state), (), claimed.at, None), name)
    incidents.forget_leases()


def claims(database: Database) -> dict[str, str]:
    with database.reading() as connection:
        rows = connection.execute(sa.select(HOST_CLAIM.c.host, HOST_CLAIM.c.incident))
        return {row.host: row.incident for row in rows}


def test_a_real_alert_ends_the_drill_on_its_host(
    runs: DrillRuns, incidents: Incidents, reservations: Reservations
) -> None:
    """It waits until the drill's grant is closed, says for what, and the drill is told to end, once."""
    drill_at_work(runs, incidents, reservations)
    real = stored(incidents, "INC-REAL1")
    for _ in range(2):
        blocked = reservations.reserve(real)
        assert isinstance(blocked, Blocked)
        assert blocked.why == "the drill on web1 is being ended (INC-DRILL-1)"
    claimed = incidents.claim(["INC-REAL1"])
    assert claimed is not None
    assert claimed.incident.id == "INC-DRILL-1"
    (order,) = claimed.orders
    assert (order.word, order.person, order.reason) == (Word.CANCEL, "INC-REAL1", "a real alert needs web1")


def test_who_only_observes_ends_no_drill(runs: DrillRuns, incidents: Incidents, reservations: Reservations) -> None:
    """It would have waited a moment, and keeps nothing."""
    drill_at_work(runs, incidents, reservations)
    course = make_course(plan=make_plan(), limits=NEVER_WAITS, mode=Mode.OBSERVE)
    incidents.accept([Arrival(make_alert(fingerprint="o", group="o"), course, "INC-OBSERVE")])
    assert isinstance(reservations.reserve(make_incident(course, name="INC-OBSERVE")), Reserved)
    claimed = incidents.claim(["INC-OBSERVE"])
    assert claimed is not None
    assert claimed.orders == ()


@pytest.mark.parametrize("state", [State.VERIFYING, State.ESCALATED])
def test_a_drill_that_has_nothing_open_loses_its_host_at_once(
    runs: DrillRuns, incidents: Incidents, reservations: Reservations, database: Database, state: State
) -> None:
    """Whatever it still has to tell people."""
    drill_at_work(runs, incidents, reservations)
    into(incidents, "INC-DRILL-1", state)
    assert isinstance(reservations.reserve(stored(incidents, "INC-REAL1")), Reserved)
    assert claims(database) == {"web1": "INC-REAL1"}


def test_a_drill_takes_no_place_of_a_real_play(
    runs: DrillRuns, incidents: Incidents, reservations: Reservations
) -> None:
    """The one place for plays is free for a real alert of another host."""
    drill_at_work(runs, incidents, reservations)
    course = make_course(plan=make_plan("web2"), limits=NEVER_WAITS)
    incidents.accept([Arrival(make_alert(fingerprint="b", group="b"), course, "INC-REAL2")])
    assert isinstance(reservations.reserve(make_incident(course, name="INC-REAL2")), Reserved)
    drill = drill_course_on("web3")
    incidents.accept([Arrival(make_alert(fingerprint="c", group="c"), drill.course, "INC-DRILL-2")])
    full = reservations.reserve(drill)
    assert isinstance(full, Blocked), "a drill waits for a place, as everything else"


def drill_course_on(host: str) -> Incident:
    course = replace(make_course(plan=make_plan(host), limits=NEVER_WAITS), drill="other")
    return make_incident(course, name="INC-DRILL-2")


def test_a_drill_leaves_a_host_that_is_under_repair(
    runs: DrillRuns, incidents: Incidents, reservations: Reservations
) -> None:
    """It does not wait for it."""
    assert isinstance(reservations.reserve(stored(incidents, "INC-REAL1")), Reserved)
    runs.ask("shop", "INC-DRILL-1", "ada")
    many = Reservations(reservations.database, concurrent_plays=10)
    gave_way = many.reserve(stored(incidents, "INC-DRILL-1", drill="shop"))
    assert gave_way == GaveWay("web1 is under repair (INC-REAL1)")


def test_drills_do_not_count_as_repairs(runs: DrillRuns, incidents: Incidents, reservations: Reservations) -> None:
    """After one, the trigger may repair the host as often as before, and at once."""
    drill_at_work(runs, incidents, reservations)
    into(incidents, "INC-DRILL-1", State.CLOSED)
    real = reservations.reserve(stored(incidents, "INC-REAL1"))
    assert not isinstance(real, OverLimit)
    assert isinstance(real, Reserved)


def test_a_drill_is_asked_for_begun_and_over(runs: DrillRuns, queue: JournalQueue) -> None:
    """Each step is seen by the next one, and the result is journalled once."""
    runs.ask("shop", "INC-DRILL-1", "ada")
    assert [run.incident for run in runs.wanted()] == ["INC-DRILL-1"]
    runs.begun("INC-DRILL-1", "web1", check=True)
    assert (runs.wanted(), runs.times_begun("shop"), runs.withdraw("INC-DRILL-1")) == ([], 1, False)
    (run,) = runs.under_way()
    passages = [("received", 0.0, "taken in", False), ("matched", None, "held by ada", True)]
    runs.ended(run, "failed", passages)
    runs.ended(run, "failed", passages)
    assert runs.under_way() == []
    found = runs.of("INC-DRILL-1")
    assert found is not None
    assert (found.result, found.host, found.check, found.by, found.passages) == (
        *("failed", "web1", True, "ada"),
        tuple(passages),
    )
    (record,) = queue.waiting()
    assert (record.kind, record.body["failures"], record.body["seconds"]) == (
        *("drill.ended", ["matched: held by ada"]),
        {"received": 0.0},
    )


def test_what_nobody_took_is_withdrawn(runs: DrillRuns) -> None:
    """And is not run later by a runner that comes up."""
    runs.ask("shop", "INC-DRILL-1", "ada")
    assert runs.withdraw("INC-DRILL-1")
    assert runs.wanted() == []
    assert [run.result for run in runs.latest(5)] == ["withdrawn"]


def test_a_schedule_begins_when_it_is_first_seen_or_changed(runs: DrillRuns) -> None:
    """What was due before that was never promised; what is due is looked at once."""
    first = runs.looked_until("shop", SCHEDULE)
    assert runs.looked_until("shop", SCHEDULE) == first
    due = first + timedelta(hours=1)
    runs.due("shop", "INC-DRILL-1", due, "")
    assert abs(runs.looked_until("shop", SCHEDULE) - due) <= timedelta(milliseconds=1)  # the store counts in them
    (run,) = runs.wanted()
    assert (run.by, run.missed) == (CLOCK, "")
    assert first <= runs.looked_until("shop", "every tuesday at 10:00 UTC") < due


def test_the_newest_drills_come_last(runs: DrillRuns) -> None:
    """Of one drill, or of all."""
    for number, name in enumerate(("shop", "db", "shop")):
        runs.ask(name, f"INC-DRILL-{number}", "ada")
    assert [run.incident for run in runs.latest(2)] == ["INC-DRILL-1", "INC-DRILL-2"]
    assert [run.incident for run in runs.latest(9, "shop")] == ["INC-DRILL-0", "INC-DRILL-2"]
