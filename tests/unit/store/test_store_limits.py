# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import (
    DAY,
    HOUR,
    MINUTE,
    NEVER_WAITS,
    SECOND,
    make_alert,
    make_course,
    make_incident,
    make_plan,
)

from breakglass.domain.draft import Decision
from breakglass.domain.holds import Scope
from breakglass.domain.incident import Attempt, State
from breakglass.domain.messages import Blocked, Held, OverLimit, Reserved
from breakglass.domain.orders import Word
from breakglass.domain.rules import Limits, Mode, Storm
from breakglass.store.database import NOW
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Claimed, Committed, Incidents
from breakglass.store.limits import Reservations
from breakglass.store.tables import HOST_CLAIM, INCIDENT, REPAIR

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import Mode as ModeType
    from breakglass.store.database import Database

EASY = replace(NEVER_WAITS, repairs_per_day=100, hosts_at_once=100)


@pytest.fixture
def reservations(database: Database) -> Reservations:
    return Reservations(database, concurrent_plays=100)


def stored(
    incidents: Incidents,
    name: str,
    *hosts: str,
    trigger: str = "service-down",
    limits: Limits = EASY,
    mode: ModeType = Mode.ACT,
) -> Incident:
    """An incident that is in the database, as far as its course is concerned."""
    course = make_course(trigger=trigger, plan=make_plan(*hosts), limits=limits, mode=mode)
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), course, name)])
    return make_incident(course, name=name)


def enter(database: Database, incident: Incident, state: State, ago: timedelta = timedelta(0)) -> None:
    """The incident got into a state, so long ago; closing frees its hosts, as the store does it."""
    shift = round(ago.total_seconds() * 1000)
    with database.transaction() as connection:
        mine = INCIDENT.c.id == incident.id
        closed_at = NOW - shift
        values = {"state": state, "closed_at": closed_at if state is State.CLOSED else None}
        connection.execute(sa.update(INCIDENT).where(mine).values(values))
        connection.execute(sa.update(REPAIR).where(REPAIR.c.incident == incident.id).values(at=REPAIR.c.at - shift))
        if state is State.CLOSED:
            connection.execute(sa.delete(HOST_CLAIM).where(HOST_CLAIM.c.incident == incident.id))


def claims(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        query = sa.select(HOST_CLAIM.c.host, HOST_CLAIM.c.incident).order_by(HOST_CLAIM.c.host)
        return [(row.host, row.incident) for row in connection.execute(query)]


def repairs(database: Database) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(REPAIR)).scalar_one()


def test_all_hosts_are_claimed(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """A reservation claims every host of the plan, and says what was checked."""
    outcome = reservations.reserve(stored(incidents, "A", "web1", "web2"))
    assert outcome == Reserved(("firing_for 0 s", "cooldown 0 s", "repairs_per_day 100", "hosts_at_once 100"))
    assert claims(database) == [("web1", "A"), ("web2", "A")]


def test_all_hosts_or_none(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """When one host of the plan is under repair, none of the others is claimed either."""
    reservations.reserve(stored(incidents, "A", "web2"))
    outcome = reservations.reserve(stored(incidents, "B", "web1", "web2", "web3"))
    assert isinstance(outcome, Blocked)
    assert outcome.why == "web2 is under repair (A)"
    assert claims(database) == [("web2", "A")]
    assert repairs(database) == 1


def test_a_host_is_held_against_every_trigger(incidents: Incidents, reservations: Reservations) -> None:
    """A host under repair by one trigger is not the target of another."""
    reservations.reserve(stored(incidents, "A", "web1"))
    assert isinstance(reservations.reserve(stored(incidents, "B", "web1", trigger="other")), Blocked)


def test_reserving_again(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """An incident that holds its hosts already (its runner died, or it tries again) reserves them again."""
    tight = Limits(timedelta(0), attempts=2, cooldown=DAY, repairs_per_day=1, hosts_at_once=1)
    incident = stored(incidents, "A", "web1", limits=tight)
    assert isinstance(reservations.reserve(incident), Reserved)
    assert isinstance(reservations.reserve(incident), Reserved)
    assert isinstance(reservations.reserve(replace(incident, attempts=(Attempt(1),))), Reserved)
    assert (claims(database), repairs(database)) == ([("web1", "A")], 1)


@pytest.mark.parametrize(("ago", "left"), [(10 * MINUTE, 5 * MINUTE), (14 * MINUTE, MINUTE), (16 * MINUTE, None)])
def test_cooldown(
    incidents: Incidents, database: Database, reservations: Reservations, ago: timedelta, left: timedelta | None
) -> None:
    """A host rests after the incident of its last repair closed, for as long as the trigger says."""
    cautious = replace(EASY, cooldown=15 * MINUTE)
    before = stored(incidents, "A", "web1", limits=cautious)
    reservations.reserve(before)
    enter(database, before, State.CLOSED, ago)
    outcome = reservations.reserve(stored(incidents, "B", "web1", limits=cautious))
    if left is None:
        assert isinstance(outcome, Reserved)
    else:
        assert isinstance(outcome, Blocked)
        assert "cooldown of web1" in outcome.why
        assert left - 30 * SECOND < outcome.again_in <= left


def test_cooldown_of_a_repair_that_is_not_over(incidents: Incidents, reservations: Reservations) -> None:
    """Who waits is told for which incident, since that one is not the last but the present."""
    cautious = replace(EASY, cooldown=15 * MINUTE)
    reservations.reserve(stored(incidents, "A", "web1", limits=cautious))
    outcome = reservations.reserve(stored(incidents, "B", "web1", limits=cautious))
    assert isinstance(outcome, Blocked)
    assert outcome.why == "web1 is in A of this trigger, which is open; the cooldown of web1 begins when it closes"


@pytest.mark.parametrize(("hosts", "trigger"), [(("web2",), "service-down"), (("web1",), "other")])
def test_cooldown_is_of_trigger_and_host(
    incidents: Incidents, database: Database, reservations: Reservations, hosts: tuple[str, ...], trigger: str
) -> None:
    """A cooldown binds its own trigger on its own host, nothing else."""
    cautious = replace(EASY, cooldown=15 * MINUTE)
    before = stored(incidents, "A", "web1", limits=cautious)
    reservations.reserve(before)
    enter(database, before, State.CLOSED)
    other = stored(incidents, "B", *hosts, trigger=trigger, limits=cautious)
    assert isinstance(reservations.reserve(other), Reserved)


@pytest.mark.parametrize(("ago", "outcome"), [(23 * HOUR, OverLimit), (25 * HOUR, Reserved)])
def test_repairs_per_day(
    incidents: Incidents, database: Database, reservations: Reservations, ago: timedelta, outcome: type
) -> None:
    """A host that was repaired as often as a day allows is one for people; after a day it counts no more."""
    daily = replace(EASY, repairs_per_day=2)
    for name in ("A", "B"):
        before = stored(incidents, name, "web1", limits=daily)
        assert isinstance(reservations.reserve(before), Reserved)
        enter(database, before, State.CLOSED, ago)
    result = reservations.reserve(stored(incidents, "C", "web1", limits=daily))
    assert isinstance(result, outcome)
    assert claims(database) == ([] if outcome is OverLimit else [("web1", "C")])


def test_hosts_at_once(incidents: Incidents, reservations: Reservations) -> None:
    """A trigger works on so many hosts at once and not on more, whatever the number of its incidents."""
    two = replace(EASY, hosts_at_once=2)
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1", limits=two)), Reserved)
    assert isinstance(reservations.reserve(stored(incidents, "B", "web2", "web3", limits=two)), Blocked)
    assert isinstance(reservations.reserve(stored(incidents, "C", "web4", limits=two)), Reserved)
    assert isinstance(reservations.reserve(stored(incidents, "D", "web5", trigger="other", limits=two)), Reserved)


def test_a_plan_that_never_fits(incidents: Incidents, reservations: Reservations) -> None:
    """A plan with more hosts than may be repaired at once is refused at once instead of waiting for ever."""
    outcome = reservations.reserve(stored(incidents, "A", "web1", "web2", limits=replace(EASY, hosts_at_once=1)))
    assert isinstance(outcome, OverLimit)
    assert "hosts_at_once is 1" in outcome.why


def test_places_for_plays(incidents: Incidents, database: Database) -> None:
    """So many incidents work at the same time as there are places; one that waits or is verified needs none."""
    reservations = Reservations(database, concurrent_plays=1)
    first, second = stored(incidents, "A", "web1"), stored(incidents, "B", "web2")
    assert isinstance(reservations.reserve(first), Reserved)
    for state in (State.APPROVING, State.OPENING, State.RUNNING, State.CLOSING):
        enter(database, first, state)
        assert isinstance(reservations.reserve(second), Blocked)
    enter(database, first, State.VERIFYING)
    assert isinstance(reservations.reserve(second), Reserved)


def test_observing_keeps_nothing(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """In observe mode everything is checked, and neither a host nor a repair nor a place is taken."""
    watching = stored(incidents, "A", "web1", mode=Mode.OBSERVE)
    assert isinstance(reservations.reserve(watching), Reserved)
    assert (claims(database), repairs(database), incidents.count_by_state()) == ([], 0, {"received": 1})
    reservations.reserve(stored(incidents, "B", "web1"))
    assert isinstance(reservations.reserve(watching), Blocked)


def race(incidents: Incidents, reservations: Reservations, limits: Limits, *, same_host: bool) -> int:
    """Sixteen incidents reserve at the same moment; how many may work?"""
    barrier = Barrier(16)
    crowd = [stored(incidents, f"I{n}", "web1" if same_host else f"web{n}", limits=limits) for n in range(16)]

    def reserve(incident: Incident) -> object:
        barrier.wait()
        return reservations.reserve(incident)

    with ThreadPoolExecutor(16) as pool:
        return sum(isinstance(outcome, Reserved) for outcome in pool.map(reserve, crowd))


def test_sixteen_for_one_host(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """Of sixteen incidents that want one host at the same moment, one gets it."""
    assert race(incidents, reservations, EASY, same_host=True) == 1
    assert len(claims(database)) == 1


def test_sixteen_for_three_hosts(incidents: Incidents, database: Database, reservations: Reservations) -> None:
    """Of sixteen incidents that reserve at the same moment, never more get through than hosts_at_once."""
    assert race(incidents, reservations, replace(EASY, hosts_at_once=3), same_host=False) == 3
    assert len(claims(database)) == 3


def test_sixteen_for_three_places(incidents: Incidents, database: Database) -> None:
    """Of sixteen incidents that reserve at the same moment, never more get through than there are places for plays."""
    assert race(incidents, Reservations(database, 3), EASY, same_host=False) == 3
    assert len(claims(database)) == 3


def test_a_reservation_that_was_not_committed(incidents: Incidents, database: Database) -> None:
    """A runner that dies between reserving and committing loses nothing: the incident goes on from where it stood."""
    reservations = Reservations(database, concurrent_plays=1)
    incident = stored(incidents, "A", "web1")
    reservations.reserve(incident)
    claimed = incidents.claim()
    assert isinstance(claimed, Claimed)
    assert claimed.incident.state is State.RECEIVED
    waiting = Decision(replace(claimed.incident, state=State.WAITING), (), None)
    assert incidents.commit(claimed, waiting, "s") is Committed.DONE
    assert incidents.count_by_state() == {"waiting": 1}
    assert isinstance(reservations.reserve(incident), Reserved)


GROUPS = {f"web{number}": frozenset({"web", "all"}) for number in range(16)} | {"db1": frozenset({"db", "all"})}


def sharing(incidents: Incidents, name: str, *hosts: str, share: int | None = 25) -> Incident:
    """An incident of an access that opens the groups web and db, with a limit to their share."""
    incident = stored(incidents, name, *hosts, trigger=f"trigger of {name}", limits=replace(EASY, group_share=share))
    return replace(incident, course=replace(incident.course, groups=("web", "db")))


def test_a_share_of_a_group_is_under_repair_at_once(incidents: Incidents, database: Database) -> None:
    """Of sixteen hosts four may be, whatever triggers repair them; the fifth waits and hears who is; the share is its own trigger's."""
    reservations = Reservations(database, 100, lambda: GROUPS)
    for number in range(4):
        assert isinstance(reservations.reserve(sharing(incidents, f"I{number}", f"web{number}")), Reserved)
    fifth = sharing(incidents, "I4", "web4")
    answer = reservations.reserve(fifth)
    assert isinstance(answer, Blocked)
    assert answer.why == ("4 of 16 hosts of web are under repair (web0, web1, web2, web3); group_share 25% allows 4")
    assert isinstance(reservations.reserve(sharing(incidents, "DB", "db1")), Reserved), "of one host one may be"
    assert isinstance(reservations.reserve(sharing(incidents, "ANY", "web9", share=None)), Reserved)


def test_a_plan_that_is_larger_than_the_share(incidents: Incidents, database: Database) -> None:
    """It would wait for ever, so people are asked."""
    reservations = Reservations(database, 100, lambda: GROUPS)
    answer = reservations.reserve(sharing(incidents, "A", "web1", "web2", share=10))
    assert isinstance(answer, OverLimit)
    assert answer.why == "the plan has 2 hosts of web, but group_share 10% allows 1"


def test_sixteen_for_a_share(incidents: Incidents, database: Database) -> None:
    """Of sixteen incidents that reserve at the same moment, never more get through than the share allows."""
    reservations, barrier = Reservations(database, 100, lambda: GROUPS), Barrier(16)
    crowd = [sharing(incidents, f"I{number}", f"web{number}") for number in range(16)]

    def reserve(incident: Incident) -> object:
        barrier.wait()
        return reservations.reserve(incident)

    with ThreadPoolExecutor(16) as pool:
        assert sum(isinstance(outcome, Reserved) for outcome in pool.map(reserve, crowd)) == 4
    assert len(claims(database)) == 4


STORMY = replace(EASY, storm=Storm(3, 5 * MINUTE))


def stormy(incidents: Incidents, name: str, host: str, trigger: str = "service-down") -> Incident:
    """An incident of a trigger with a storm brake, opened by the database's clock."""
    made = stored(incidents, name, host, trigger=trigger, limits=STORMY)
    found = incidents.show(name)
    assert found is not None
    return replace(made, opened_at=found.opened_at)


def test_a_storm_holds_its_trigger_and_is_told_once(incidents: Incidents, database: Database) -> None:
    """The incident that is one too many holds the trigger and tells people; those after it wait and wake nobody; others go on."""
    reservations, holds = Reservations(database, 100), Holds(database)
    quiet = [stormy(incidents, f"I{number}", f"web{number}") for number in range(3)]
    assert all(isinstance(reservations.reserve(one), Reserved) for one in quiet)
    crowd = [stormy(incidents, f"J{number}", f"db{number}") for number in range(4)]
    told, *others = [reservations.reserve(one) for one in crowd]
    assert isinstance(told, OverLimit)
    assert told.why.startswith("7 incidents of service-down within 300 s (storm: 3): something bigger is wrong.")
    assert "breakglass hold lift --trigger service-down" in told.why
    assert [type(other) for other in others] == [Held] * 3
    (hold,) = holds.standing()
    assert (hold.scope, hold.name, hold.incident) == (Scope.TRIGGER, "service-down", "J0")
    assert isinstance(reservations.reserve(stormy(incidents, "K", "app1", trigger="other")), Reserved)
    holds.lift(Scope.TRIGGER, ["service-down"], "looked", "ada")
    assert isinstance(reservations.reserve(replace(crowd[1], retries=1)), Reserved), "a person has looked"
    assert holds.standing() == []


def test_old_incidents_and_observers_make_no_storm(incidents: Incidents, database: Database) -> None:
    """What was opened longer ago does not count, and who only observes is not held."""
    reservations = Reservations(database, 100)
    for number in range(9):
        stormy(incidents, f"I{number}", f"web{number}")
    observer = stored(incidents, "O", "app1", limits=STORMY, mode=Mode.OBSERVE)
    assert isinstance(reservations.reserve(observer), Reserved)
    with database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).values(opened_at=INCIDENT.c.opened_at - 301_000))
    assert isinstance(reservations.reserve(stormy(incidents, "LATER", "db1")), Reserved)
    assert Holds(database).standing() == []


def test_who_waits_for_the_end_of_a_window_keeps_no_host(
    database: Database, incidents: Incidents, reservations: Reservations
) -> None:
    """Its hosts are free for others until it asks for them again."""
    incident = stored(incidents, "INC-A", "web1")
    assert isinstance(reservations.reserve(incident), Reserved)
    claimed = incidents.claim()
    assert claimed is not None
    until = claimed.at + HOUR
    waiting = replace(claimed.incident, state=State.WAITING, wake_at=until, aside_until=until)
    assert incidents.commit(claimed, Decision(waiting, (), until), "s") is Committed.DONE
    assert claims(database) == []
    other = stored(incidents, "INC-B", "web1")
    assert isinstance(reservations.reserve(other), Reserved)
    assert claims(database) == [("web1", "INC-B")]


def extending(incidents: Incidents, name: str, extends: str) -> Incident:
    """A request that extends another one of web1, in the database."""
    course = make_course(plan=replace(make_plan("web1"), extends=extends), limits=EASY)
    incidents.accept([Arrival(make_alert(fingerprint=name, group=name), course, name)])
    return make_incident(course, name=name)


def close(incidents: Incidents, name: str) -> None:
    """The incident is over."""
    become(incidents, name, State.CLOSED)


def become(incidents: Incidents, name: str, state: State) -> None:
    """The incident comes into a state."""
    claimed = incidents.claim(ripe=())
    others = []
    while claimed is not None and claimed.incident.id != name:
        others.append(claimed.incident.id)
        claimed = incidents.claim(busy=others)
    assert claimed is not None
    into = Decision(replace(claimed.incident, state=state), (), None)
    assert incidents.commit(claimed, into, "s") is Committed.DONE
    incidents.forget_leases()


def holder(database: Database) -> list[str]:
    """Who has web1."""
    with database.reading() as connection:
        return list(connection.execute(sa.select(HOST_CLAIM.c.incident).where(HOST_CLAIM.c.host == "web1")).scalars())


def test_an_extension_is_let_in_and_inherits_the_host(
    database: Database, incidents: Incidents, reservations: Reservations
) -> None:
    """Nobody else is, neither before nor after the first is closed; a second extension of the same is refused."""
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Reserved)
    other = stored(incidents, "O", "web1", trigger="other")
    more, twice = extending(incidents, "B", "A"), extending(incidents, "C", "A")
    assert isinstance(reservations.reserve(more), Reserved)
    assert reservations.reserve(twice) == OverLimit("B extends A already")
    assert holder(database) == ["A"]
    become(incidents, "B", State.OPENING)
    close(incidents, "A")
    assert holder(database) == ["B"]
    blocked = reservations.reserve(other)
    assert isinstance(blocked, Blocked)
    assert "web1 is under repair (B)" in blocked.why
    close(incidents, "B")
    assert isinstance(reservations.reserve(other), Reserved)


def test_an_extension_that_nobody_approved_in_time_ends_with_what_it_extends(
    database: Database, incidents: Incidents, reservations: Reservations
) -> None:
    """Nobody goes on being asked for what can't open any more, and the host is free at once."""
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Reserved)
    more = extending(incidents, "B", "A")
    assert isinstance(reservations.reserve(more), Reserved)
    become(incidents, "B", State.APPROVING)
    close(incidents, "A")
    assert holder(database) == []
    claimed = incidents.claim(busy=["A"])
    assert claimed is not None
    (told,) = claimed.orders
    assert (claimed.incident.id, told.word, told.person) == ("B", Word.CANCEL, "A")
    assert told.reason == "A is over, so there is nothing to extend"


def test_an_extension_that_was_not_let_in_inherits_nothing(
    database: Database, incidents: Incidents, reservations: Reservations
) -> None:
    """It takes the host like any other, if that is free; one that ends before the first leaves it the host."""
    assert isinstance(reservations.reserve(stored(incidents, "A", "web1")), Reserved)
    more = extending(incidents, "B", "A")
    assert isinstance(reservations.reserve(more), Reserved)
    close(incidents, "B")
    assert holder(database) == ["A"]
    late = extending(incidents, "C", "A")
    close(incidents, "A")
    assert holder(database) == []
    assert isinstance(reservations.reserve(late), Reserved)
    assert [one.id for one in incidents.extensions("A")] == ["B", "C"]


def test_what_is_extended_does_not_take_its_extension_the_place(database: Database, incidents: Incidents) -> None:
    """With one place for plays, the extension of who has it gets in; another does not."""
    one_place = Reservations(database, concurrent_plays=1)
    assert isinstance(one_place.reserve(stored(incidents, "A", "web1")), Reserved)
    assert isinstance(one_place.reserve(stored(incidents, "O", "web2")), Blocked)
    assert isinstance(one_place.reserve(extending(incidents, "B", "A")), Reserved)
