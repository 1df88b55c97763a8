# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runners on one PostgreSQL: whose is what, who leads, and what becomes of a runner that is gone or stands still."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.support.incidents import NEVER_WAITS, make_alert, make_course, make_incident, make_plan

from breakglass.domain.draft import Decision, Note
from breakglass.domain.holds import Scope
from breakglass.domain.messages import Blocked, Reserved
from breakglass.store.database import Database, DatabaseUnavailable, RunnerAlreadyRunning
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival, Reached
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.limits import Reservations
from breakglass.store.runners import Runners
from breakglass.store.sessions import Sessions
from breakglass.store.tables import METADATA, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgresql import PostgreSQL

Address = tuple[str, "Path"]


@pytest.fixture
def other(address: Address, database: Database) -> Iterator[Database]:
    """A second runner on the same database."""
    url, password = address
    other = Database.open(url, "runner-b", password)
    yield other
    other.close()


def pass_seconds(database: Database, runner: str, seconds: float) -> None:
    """As if this runner had not been seen for so long."""
    with database.transaction() as connection:
        earlier = RUNNER.c.seen_at - int(seconds * 1000)
        connection.execute(sa.update(RUNNER).where(RUNNER.c.name == runner).values(seen_at=earlier))


def arrival(name: str, home: str = "") -> Arrival:
    course = make_course(plan=make_plan(f"host-{name.lower()}"), limits=replace(NEVER_WAITS, hosts_at_once=100))
    return Arrival(make_alert(group=name, fingerprint=name), course, name, home)


def test_the_migrations_make_the_tables(database: Database) -> None:
    """What the migrations leave behind on PostgreSQL is what `tables.py` says, with nothing more and nothing less."""
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_one_alert_at_two_runners(database: Database, other: Database) -> None:
    """An alert that is sent to several runners at the same moment opens one incident, which one of them gets."""
    stores = [Incidents(database), Incidents(other)] * 8
    barrier = threading.Barrier(len(stores))

    def take(number: int) -> Reached:
        barrier.wait()
        return stores[number].accept([replace(arrival("A"), incident=f"INC-{number}")])[0].reached

    with ThreadPoolExecutor(len(stores)) as pool:
        reached = list(pool.map(take, range(len(stores))))
    assert sorted(reached, key=str) == [Reached.OPENED] + [Reached.REPEATED] * (len(stores) - 1)
    claims = [store.claim() for store in stores]
    assert len([claim for claim in claims if claim]) == 1


def test_no_message_is_passed_over(database: Database, other: Database) -> None:
    """Whatever comes in while an incident is decided on is either read or still there: none is called done unread."""
    ours, theirs = Incidents(database), Incidents(other)
    ours.accept([arrival("A")])
    names = [f"f{number}" for number in range(60)]

    def send(part: list[str]) -> None:
        for name in part:
            theirs.accept([replace(arrival("A"), alert=make_alert(group="A", fingerprint=name))])

    read: set[str] = set()
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, names[number::4]) for number in range(4)]
        while not all(one.done() for one in sent) or len(read) < len(names) + 1:
            claimed = ours.claim()
            if claimed is None:
                assert not all(one.done() for one in sent) or read >= set(names), read
                continue
            read |= {alert.fingerprint for alert in claimed.alerts}
            waiting = replace(claimed.incident, effect=None)
            ours.commit(claimed, Decision(waiting, (), claimed.at), "s")
    assert read == {*names, "A"}


def test_claims_of_hosts_count_over_all_runners(database: Database, other: Database) -> None:
    """A host that one runner repairs is taken for the other; places for plays are each runner's own."""
    for name in ("A", "B", "C"):
        Incidents(database).accept([arrival(name)])
    first = Incidents(database).claim()
    second = Incidents(other).claim()
    assert first is not None
    assert second is not None
    assert isinstance(Reservations(database, 1).reserve(first.incident), Reserved)
    same_host = make_incident(first.incident.course, name=second.incident.id)
    answer = Reservations(other, 1).reserve(same_host)
    assert isinstance(answer, Blocked)
    assert answer.why == f"host-{first.incident.id.lower()} is under repair ({first.incident.id})"
    assert isinstance(Reservations(other, 1).reserve(second.incident), Reserved)
    third = Incidents(database).claim()
    assert third is not None
    assert isinstance(Reservations(database, 1).reserve(third.incident), Blocked)


def test_records_are_each_runners_own(database: Database, other: Database) -> None:
    """What a runner has recorded waits for its own journal, in streams that no other runner writes to."""
    JournalQueue(database).add_to_day([Note("runner.started", {"pid": 1})])
    JournalQueue(other).add_to_day([Note("runner.started", {"pid": 2})])
    for store, name, pid in ((database, "runner-a", 1), (other, "runner-b", 2)):
        (queued,) = JournalQueue(store).waiting()
        assert (queued.stream.rpartition("/")[2], queued.body) == (f"runner-{name}", {"pid": pid})
        JournalQueue(store).announced(f"2020/01/01/runner-{name}", None)
        assert JournalQueue(store).to_seal() == [f"2020/01/01/runner-{name}"]


def test_a_command_writes_for_the_runner_that_was_seen_last(
    address: Address, database: Database, other: Database
) -> None:
    """What a command records on a machine without a runner does not wait for one that will never come."""
    Runners(database, "1").enter()
    Runners(other, "2").enter()
    url, password = address
    beside = Database.beside(url, "laptop", password)
    Holds(beside).set(Scope.ALL, [""], "stop", "ada")
    beside.close()
    assert [queued.kind for queued in JournalQueue(other).waiting()] == ["hold.set"]


def test_a_name_is_one_process(database: Database) -> None:
    """A second process under a name is refused while the first is seen, and takes the name when it is not; the first notices."""
    first, second = Runners(database, "1"), Runners(database, "2")
    first.enter()
    with pytest.raises(RunnerAlreadyRunning, match="under the name runner-a"):
        second.enter()
    assert first.seen()
    pass_seconds(database, "runner-a", 11)
    second.enter()
    assert (first.seen(), second.seen()) == (False, True)
    second.leave()
    first.enter()


def test_one_leads(database: Database, other: Database) -> None:
    """What only one runner may do is done by the first by name that is seen, and by the next when it is gone."""
    a, b = Runners(database, "1"), Runners(other, "2")
    b.enter()
    assert b.leads()
    a.enter()
    assert (a.leads(), b.leads()) == (True, False)
    pass_seconds(database, "runner-a", 11)
    assert (a.leads(), b.leads()) == (False, True)


def test_an_incident_with_a_home(database: Database, other: Database) -> None:
    """What somebody waits for at one runner is worked on there, and by another only if that runner is gone."""
    Runners(database, "1").enter()
    Runners(other, "2").enter()
    Incidents(database).accept([arrival("A", home="runner-a")])
    assert Incidents(other).claim() is None
    pass_seconds(database, "runner-a", 11)
    assert Incidents(other).claim() is not None


def test_only_the_own_leases_are_forgotten(database: Database, other: Database) -> None:
    """A runner that starts again gives back what it held under its name, and nothing of the others."""
    for name in ("A", "B"):
        Incidents(database).accept([arrival(name)])
    mine, theirs = Incidents(database).claim(), Incidents(other).claim()
    assert mine is not None
    assert theirs is not None
    Incidents(database).forget_leases()
    again = Incidents(database).claim()
    assert again is not None
    assert again.incident.id == mine.incident.id
    assert Incidents(database).claim() is None


def test_sessions_of_dead_runners(database: Database, other: Database) -> None:
    """A runner ends the sessions of its own earlier processes and of runners that are long gone, never of one that works."""
    a, b = Runners(database, "1"), Runners(other, "2")
    a.enter()
    b.enter()
    Sessions(database, "0").opened("before")
    Sessions(database, "1").opened("mine")
    Sessions(other, "2").opened("theirs")
    assert Sessions(database, "1").left_over() == ["before"]
    pass_seconds(database, "runner-b", 61)
    assert sorted(Sessions(database, "1").left_over()) == ["before", "theirs"]


def test_who_stands_still_in_a_transaction_is_cut_off(database: Database, other: Database) -> None:
    """A runner that freezes with the turn in its hand loses it, and its transaction is undone; the others go on."""
    began, release = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def freeze() -> None:
        try:
            with database.transaction() as connection:
                connection.execute(sa.insert(RUNNER).values(name="x", instance="x", started_at=0, seen_at=0))
                began.set()
                release.wait(30)
        except DatabaseUnavailable as error:
            failures.append(error)

    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(freeze)
        began.wait(10)
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            Runners(other, "2").enter()
        limit = time.monotonic() + 20
        while True:
            try:
                Runners(other, "2").enter()
                break
            except DatabaseUnavailable:
                assert time.monotonic() < limit
        release.set()
        frozen.result()
    assert len(failures) == 1
    with other.reading() as connection:
        assert connection.execute(sa.select(RUNNER.c.name)).scalars().all() == ["runner-b"]


def test_a_server_that_is_gone_and_comes_back(own_postgresql: PostgreSQL, tmp_path: Path) -> None:
    """A database that can't be reached says so at once, and works again when it is back, with nothing lost."""
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(own_postgresql.password, encoding="ascii")
    url = f"postgresql://postgres@127.0.0.1:{own_postgresql.port}/postgres"
    database = Database.open(url, "runner-a", password)
    incidents = Incidents(database)
    incidents.accept([arrival("A")])
    own_postgresql.stop()
    with pytest.raises(DatabaseUnavailable, match=r"postgres on 127\.0\.0\.1 failed: .*Look at the server"):
        incidents.accept([arrival("B")])
    own_postgresql.start()
    incidents.accept([arrival("B")])
    assert {claimed.incident.id for claimed in (incidents.claim(), incidents.claim()) if claimed} == {"A", "B"}
    password.write_text("changed\n", encoding="ascii")
    own_postgresql.restart()
    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as caught:
        incidents.claim()
    assert own_postgresql.password not in str(caught.value)
    password.unlink()
    with pytest.raises(DatabaseUnavailable, match=r"can't be asked.*No such file"):
        incidents.claim()
    database.close()


def test_an_older_schema_is_upgraded_with_what_waits(address: Address, database: Database) -> None:
    """Opening again changes nothing, and two runners that start at the same moment migrate once."""
    url, password = address
    with psycopg.connect(url, password=password.read_text(encoding="ascii")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    with ThreadPoolExecutor(4) as pool:
        for opened in pool.map(lambda number: Database.open(url, f"runner-{number}", password), range(4)):
            opened.close()
    with psycopg.connect(url, password=password.read_text(encoding="ascii")) as connection:
        assert (
            tables
            == connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        )
    assert database.several_runners
