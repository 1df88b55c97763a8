# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, NEVER_WAITS, make_alert, make_course, make_incident, make_plan

from breakglass.domain.deciding import decide
from breakglass.domain.draft import Decision
from breakglass.domain.holds import HoldChange, Scope
from breakglass.domain.incident import Effect, State
from breakglass.domain.messages import Blocked, Held, OverLimit, Reserved
from breakglass.domain.rules import Mode
from breakglass.store.database import Database, DatabaseUnavailable
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Claimed, Committed, Incidents
from breakglass.store.limits import Reservations
from breakglass.store.tables import HOLD, HOST_CLAIM

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from breakglass.domain.course import Course
    from breakglass.domain.incident import Incident
    from breakglass.store.journal_queue import JournalQueue

EASY = replace(NEVER_WAITS, repairs_per_day=100, hosts_at_once=100)
SETS = HoldChange(sets=True, reason="isolate_host ran there (trigger compromised)")
ENDS = HoldChange(sets=False, reason="rejoin_host ran there (trigger clean)")
ISOLATE, REJOIN = {"trigger": "compromised", "holds_host": True}, {"trigger": "clean", "releases_host": True}


@pytest.fixture
def holds(database: Database) -> Holds:
    return Holds(database)


@pytest.fixture
def reservations(database: Database) -> Reservations:
    return Reservations(database, concurrent_plays=100)


def course_on(*hosts: str, **how: object) -> Course:
    return make_course(plan=make_plan(*hosts), limits=EASY, **how)  # type: ignore[arg-type]


def stored(incidents: Incidents, name: str, *hosts: str, **how: object) -> Incident:
    """An incident that is in the database, as far as its course is concerned."""
    course = course_on(*hosts, **how)
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), course, name)])
    return make_incident(course, name=name)


def commit(incidents: Incidents, name: str, state: State, change: HoldChange | None = None) -> Committed:
    """The incident gets into a state, with what that does to the holds, as the engine commits it."""
    busy: list[str] = []
    while (claimed := incidents.claim(busy)) is not None and claimed.incident.id != name:
        busy.append(claimed.incident.id)
    assert isinstance(claimed, Claimed)
    done = incidents.commit(claimed, Decision(replace(claimed.incident, state=state), (), claimed.at, change), name)
    incidents.forget_leases()
    return done


def isolated(incidents: Incidents, reservations: Reservations, state: State, *hosts: str) -> Incident:
    """An incident whose repair holds these hosts."""
    incident = stored(incidents, "INC-ISO", *(hosts or ("web1",)), **ISOLATE)
    assert isinstance(reservations.reserve(incident), Reserved)
    assert commit(incidents, "INC-ISO", state, SETS) is Committed.DONE
    return incident


def claims(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        query = sa.select(HOST_CLAIM.c.host, HOST_CLAIM.c.incident).order_by(HOST_CLAIM.c.host)
        return [(row.host, row.incident) for row in connection.execute(query)]


def age_hold(database: Database, by: timedelta) -> None:
    with database.transaction() as connection:
        shift = round(by.total_seconds() * 1000)
        connection.execute(sa.update(HOLD).values(since=HOLD.c.since - shift, told_at=HOLD.c.told_at - shift))


@pytest.mark.parametrize(
    "what", [(Scope.ALL, [""]), (Scope.HOST, ["web1"]), (Scope.TRIGGER, ["service-down"])], ids=lambda what: what[0]
)
def test_a_person_stops_what_is_new(
    incidents: Incidents, holds: Holds, reservations: Reservations, database: Database, what: tuple[Scope, list[str]]
) -> None:
    """What a person holds is refused for people to look at, with nothing claimed; lifted, it is as if it had never been."""
    holds.set(*what, "change freeze", "ada")
    incident = stored(incidents, "A", "web1")
    outcome = reservations.reserve(incident)
    assert isinstance(outcome, OverLimit)
    assert "is held by ada since" in outcome.why
    assert outcome.why.endswith(": change freeze")
    assert claims(database) == []
    assert holds.against(incident) == outcome.why

    assert [hold.reason for hold in holds.lift(*what, "it is over", "ben")] == ["change freeze"]
    assert holds.standing() == []
    assert holds.against(incident) == ""
    assert isinstance(reservations.reserve(incident), Reserved)


def test_other_hosts_and_triggers_go_on(incidents: Incidents, holds: Holds, reservations: Reservations) -> None:
    """A hold on a host or a trigger leaves the others alone."""
    holds.set(Scope.HOST, ["web2"], "new disks", "ada")
    holds.set(Scope.TRIGGER, ["other"], "it loops", "ada")
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Reserved)
    assert isinstance(reservations.reserve(stored(incidents, "B", "web3", "web2")), OverLimit)
    assert isinstance(reservations.reserve(stored(incidents, "C", "web4", trigger="other")), OverLimit)


def test_a_hold_stops_the_next_attempt(incidents: Incidents, holds: Holds, reservations: Reservations) -> None:
    """An incident that has its hosts already, and tries again, is stopped too: the next attempt is something new."""
    incident = stored(incidents, "A", "web1")
    assert isinstance(reservations.reserve(incident), Reserved)
    holds.set(Scope.ALL, [""], "freeze", "ada")
    assert isinstance(reservations.reserve(incident), OverLimit)


def test_every_reason_counts(holds: Holds) -> None:
    """Two people may hold the same thing for two reasons; both are seen, and lifting names both."""
    holds.set(Scope.ALL, [""], "freeze", "ada")
    holds.set(Scope.ALL, [""], "audit", "ben")
    assert [hold.by for hold in holds.standing()] == ["ada", "ben"]
    assert [hold.reason for hold in holds.lift(Scope.ALL, [""], "done", "cy")] == ["freeze", "audit"]


def test_lifting_lifts_nothing_else(holds: Holds) -> None:
    """Everything's hold, a host's and a trigger's are lifted each by its own name."""
    holds.set(Scope.ALL, [""], "freeze", "ada")
    holds.set(Scope.HOST, ["web1", "web2"], "disks", "ada")
    holds.set(Scope.TRIGGER, ["web1"], "loops", "ada")
    assert holds.lift(Scope.HOST, ["web3"], "x", "ada") == []
    assert len(holds.lift(Scope.HOST, ["web1"], "x", "ada")) == 1
    assert [(hold.scope, hold.name) for hold in holds.standing()] == [
        (Scope.ALL, ""),
        (Scope.HOST, "web2"),
        (Scope.TRIGGER, "web1"),
    ]


def test_setting_and_lifting_are_journalled(holds: Holds, queue: JournalQueue) -> None:
    """Who, what, why, and on lifting also who had set it and why, in the stream of the day, with the change itself."""
    (hold,) = holds.set(Scope.HOST, ["web1"], "new disks", "ada")
    holds.lift(Scope.HOST, ["web1"], "disks are in", "ben")
    was_set, lifted = queue.waiting()
    assert "/runner" in was_set.stream
    assert (was_set.kind, lifted.kind) == ("hold.set", "hold.lifted")
    assert was_set.body == {"scope": "host", "name": "web1", "by": "ada", "reason": "new disks"}
    assert lifted.body == {
        "scope": "host",
        "name": "web1",
        "by": "ben",
        "why": "disks are in",
        "set_by": "ada",
        "since": hold.since.isoformat(),
        "reason": "new disks",
    }


def test_holds_survive_a_restart(tmp_path: Path) -> None:
    """A runner that opens the database again finds the holds that stood."""
    url = f"sqlite:///{tmp_path}/breakglass.db"
    database = Database.open(url)
    Holds(database).set(Scope.ALL, [""], "freeze", "ada")
    database.close()
    again = Database.open(url)
    assert [hold.reason for hold in Holds(again).standing()] == ["freeze"]
    again.close()


def test_an_incident_holds_its_hosts(
    incidents: Incidents, holds: Holds, reservations: Reservations, queue: JournalQueue
) -> None:
    """With the end of such a play all its hosts are held, with a record in the incident's own stream; a second time is none."""
    isolated(incidents, reservations, State.CLOSING, "web1", "web2")
    assert [(hold.name, hold.by, hold.reason) for hold in holds.standing()] == [
        ("web1", "INC-ISO", SETS.reason),
        ("web2", "INC-ISO", SETS.reason),
    ]
    assert [(note.stream, note.kind) for note in queue.waiting()] == [("INC-ISO", "hold.set")] * 2
    commit(incidents, "INC-ISO", State.CLOSING, SETS)
    assert len(holds.standing()) == 2


@pytest.mark.parametrize("state", [State.CLOSING, State.VERIFYING, State.ESCALATED, State.CLOSED])
def test_nothing_of_others_starts_there(incidents: Incidents, reservations: Reservations, state: State) -> None:
    """While and after the incident that holds the host: others wait, and are told what for and how to end it."""
    own = isolated(incidents, reservations, State.CLOSING)
    if state is not State.CLOSING:
        if state is State.CLOSED:
            commit(incidents, "INC-ISO", State.VERIFYING)
        commit(incidents, "INC-ISO", state)
    outcome = reservations.reserve(stored(incidents, "A", "web2", "web1"))
    assert isinstance(outcome, Held)
    assert outcome.why.startswith("web1 is held by INC-ISO since ")
    assert "(lift it with: breakglass hold lift --host web1 --reason …)" in outcome.why
    assert outcome.why.endswith(SETS.reason)
    assert isinstance(reservations.reserve(stored(incidents, "B", "web2")), Reserved)
    if state is not State.CLOSED:
        assert isinstance(reservations.reserve(own), Reserved)


def test_who_does_not_wait(incidents: Incidents, reservations: Reservations) -> None:
    """What only observes, and a person's request, are answered at once instead of waiting for the end of a hold."""
    isolated(incidents, reservations, State.CLOSING)
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1", mode=Mode.OBSERVE)), OverLimit)
    loan = course_on("web1")
    assert loan.plan is not None
    loan = replace(loan, plan=replace(loan.plan, remediation=""))
    assert isinstance(reservations.reserve(make_incident(loan, name="B")), OverLimit)


def test_a_forgotten_hold_is_told_of_once_a_day(
    incidents: Incidents, reservations: Reservations, database: Database
) -> None:
    """After a day one of the incidents that wait calls people, the others go on waiting; a day later again one."""
    isolated(incidents, reservations, State.CLOSING)
    crowd = [stored(incidents, f"W{number}", "web1", trigger=f"t{number}") for number in range(5)]
    for hours, calls in ((23, 0), (2, 1), (23, 0), (2, 1)):
        age_hold(database, hours * HOUR)
        outcomes = [reservations.reserve(incident) for incident in crowd]
        called = [outcome for outcome in outcomes if isinstance(outcome, OverLimit)]
        assert len(called) == calls
        assert all(outcome.why.startswith("for more than a day") for outcome in called)
        assert sum(isinstance(outcome, Held) for outcome in outcomes) == 5 - calls


def test_what_releases_the_host_may_start_and_ends_the_hold(
    incidents: Incidents, holds: Holds, reservations: Reservations, queue: JournalQueue, database: Database
) -> None:
    """It may start when the incident that holds the host only waits for people; its success ends the hold, and says so."""
    isolated(incidents, reservations, State.CLOSING)
    commit(incidents, "INC-ISO", State.ESCALATED)
    rejoin = stored(incidents, "R", "web1", **REJOIN)
    assert isinstance(reservations.reserve(rejoin), Reserved)
    assert claims(database) == [("web1", "R")]
    assert len(holds.standing()) == 1
    commit(incidents, "R", State.CLOSING, ENDS)
    assert holds.standing() == []
    lifted = queue.waiting()[-1]
    assert (lifted.stream, lifted.kind) == ("R", "hold.lifted")
    assert (lifted.body["by"], lifted.body["set_by"], lifted.body["why"]) == ("R", "INC-ISO", ENDS.reason)
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Blocked), "it still has the host"
    commit(incidents, "R", State.CLOSED)
    assert isinstance(reservations.reserve(stored(incidents, "B", "web1")), Reserved)


@pytest.mark.parametrize("state", [State.RUNNING, State.CLOSING, State.VERIFYING])
def test_it_waits_for_an_incident_that_still_works(
    incidents: Incidents, reservations: Reservations, state: State
) -> None:
    """An isolation that is not over is not undone under its hands."""
    isolated(incidents, reservations, State.CLOSING)
    commit(incidents, "INC-ISO", state)
    assert isinstance(reservations.reserve(stored(incidents, "R", "web1", **REJOIN)), Blocked)


def test_it_takes_no_host_of_a_repair_that_holds_nothing(incidents: Incidents, reservations: Reservations) -> None:
    """An escalated incident without a hold keeps its host from it as from every other."""
    other = stored(incidents, "A", "web1")
    reservations.reserve(other)
    commit(incidents, "A", State.ESCALATED)
    assert isinstance(reservations.reserve(stored(incidents, "R", "web1", **REJOIN)), Blocked)


def test_it_ends_no_hold_of_a_person(incidents: Incidents, holds: Holds, reservations: Reservations) -> None:
    """Success ends what incidents hold on its own hosts: not other hosts, and not what a person has set meanwhile."""
    isolated(incidents, reservations, State.CLOSING, "web1", "web2")
    commit(incidents, "INC-ISO", State.ESCALATED)
    assert isinstance(reservations.reserve(stored(incidents, "R", "web1", **REJOIN)), Reserved)
    holds.set(Scope.HOST, ["web1"], "let me look first", "ada")
    commit(incidents, "R", State.CLOSING, ENDS)
    assert [(hold.name, hold.by) for hold in holds.standing()] == [("web2", "INC-ISO"), ("web1", "ada")]
    assert isinstance(reservations.reserve(stored(incidents, "S", "web1", **REJOIN)), OverLimit)


@pytest.mark.parametrize("state", [State.ESCALATED, State.CLOSED])
def test_a_person_lifts_what_an_incident_set(
    incidents: Incidents, holds: Holds, reservations: Reservations, state: State
) -> None:
    """Lifting a host's hold by hand ends it whoever set it, also while that incident still waits for its alert to resolve."""
    isolated(incidents, reservations, State.CLOSING)
    commit(incidents, "INC-ISO", State.VERIFYING)
    commit(incidents, "INC-ISO", state)
    assert [hold.by for hold in holds.lift(Scope.HOST, ["web1"], "it is clean", "ada")] == ["INC-ISO"]
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Reserved)


@pytest.mark.parametrize("by_hand", [True, False])
def test_who_waits_looks_again_when_a_hold_is_lifted(
    incidents: Incidents, holds: Holds, reservations: Reservations, *, by_hand: bool
) -> None:
    """An incident that would look again in a minute is due at once, and goes on to reserve its hosts."""
    isolated(incidents, reservations, State.CLOSING)
    commit(incidents, "INC-ISO", State.ESCALATED)
    stored(incidents, "A", "web1")
    claimed = incidents.claim(["INC-ISO"])
    assert claimed is not None
    later = claimed.at + HOUR
    waits = replace(claimed.incident, state=State.WAITING, retries=9, wake_at=later, blocked="web1 is held")
    assert incidents.commit(claimed, Decision(waits, (), later), "A") is Committed.DONE
    assert incidents.claim(["INC-ISO"]) is None
    if by_hand:
        holds.lift(Scope.HOST, ["web1"], "it is clean", "ada")
    else:
        rejoin = stored(incidents, "R", "web1", **REJOIN)
        assert isinstance(reservations.reserve(rejoin), Reserved)
        claimed = incidents.claim(["INC-ISO"])
        assert claimed is not None
        closing = Decision(replace(claimed.incident, state=State.CLOSING), (), later, ENDS)
        assert incidents.commit(claimed, closing, "R") is Committed.DONE
    due = incidents.claim(["INC-ISO"])
    assert due is not None
    assert (due.incident.id, due.incident.retries, due.incident.blocked) == ("A", 9, "web1 is held")
    assert decide(due.incident, [], due.at).incident.effect is Effect.RESERVE


def test_a_fenced_engine_holds_nothing(incidents: Incidents, holds: Holds, reservations: Reservations) -> None:
    """A decision that is not written changes no hold."""
    incident = stored(incidents, "INC-ISO", "web1", **ISOLATE)
    reservations.reserve(incident)
    claimed = incidents.claim()
    assert claimed is not None
    incidents.forget_leases()
    assert incidents.claim() is not None
    decision = Decision(replace(claimed.incident, state=State.CLOSING), (), claimed.at, SETS)
    assert incidents.commit(claimed, decision, "s") is Committed.FENCED
    assert holds.standing() == []


def test_nothing_slips_by_a_hold(incidents: Incidents, holds: Holds, reservations: Reservations) -> None:
    """Of incidents that start while the button is pressed, none starts after it was: hold and claims are one transaction."""
    crowd = [stored(incidents, f"I{number}", f"web{number}") for number in range(16)]
    with ThreadPoolExecutor(17) as pool:
        started = [pool.submit(lambda one: (reservations.reserve(one), holds.standing()), one) for one in crowd]
        pool.submit(holds.set, Scope.ALL, [""], "stop", "ada").result()
        late = [reservations.reserve(one) for one in crowd]
        outcomes = [future.result()[0] for future in started]
    assert all(isinstance(outcome, OverLimit) for outcome in late)
    assert all(isinstance(outcome, (OverLimit, Reserved)) for outcome in outcomes)


def test_a_command_works_beside_a_runner(tmp_path: Path) -> None:
    """A command opens the database that a runner has open, and what it sets is in force there at once."""
    url = f"sqlite:///{tmp_path}/breakglass.db"
    runner = Database.open(url)
    beside = Database.beside(url)
    Holds(beside).set(Scope.ALL, [""], "stop", "ada")
    beside.close()
    stopped = stored(Incidents(runner), "A", "web1")
    assert isinstance(Reservations(runner, 5).reserve(stopped), OverLimit)
    runner.close()
    beside = Database.beside(url)
    assert len(Holds(beside).standing()) == 1
    beside.close()


def test_a_command_makes_no_database(tmp_path: Path) -> None:
    """Where no runner has ever worked there is nothing to hold; a mistyped path is not made up."""
    with pytest.raises(DatabaseUnavailable, match="There is no database at"):
        Database.beside(f"sqlite:///{tmp_path}/breakglass.db")
    assert list(tmp_path.iterdir()) == []


def test_told_at_is_not_touched_before_a_day(
    incidents: Incidents, reservations: Reservations, database: Database
) -> None:
    """Waiting writes nothing: five hundred incidents that look again cost no write each."""
    isolated(incidents, reservations, State.CLOSING)
    age_hold(database, DAY - HOUR)
    with database.reading() as connection:
        before = connection.execute(sa.select(HOLD)).all()
    reservations.reserve(stored(incidents, "A", "web1"))
    with database.reading() as connection:
        assert connection.execute(sa.select(HOLD)).all() == before
