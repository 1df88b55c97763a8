# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with its real store and journal; only the outside world is small: doers that record what they are asked."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import HOUR, NEVER_WAITS, NOW, make_alert, make_course, make_plan

from breakglass import engine as engine_module
from breakglass.domain import messages as heard
from breakglass.domain.approvals import Quorum, Requirement
from breakglass.domain.course import Probing
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.orders import Ordered, Word
from breakglass.engine import Engine, Parts
from breakglass.journal import Journal
from breakglass.store import incidents as incidents_module
from breakglass.store.database import Database
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue, incident_directory
from breakglass.store.orders import NoSuchIncident, Orders, RefusedOrder
from breakglass.store.runners import Runners
from breakglass.store.tables import INCIDENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from breakglass.domain.course import Course

OUTCOMES: dict[Effect, heard.Outcome] = {
    Effect.RESERVE: heard.Reserved(("cooldown 0 s",)),
    Effect.OPEN_GRANT: heard.GrantMinted("accessor", NOW + HOUR),
    Effect.RUN_PLAY: heard.PlayEnded(PlayOutcome.OK, "the remediation ran"),
    Effect.CLOSE_GRANT: heard.GrantProvenGone(NOW, ""),
    Effect.ESCALATE: heard.Delivered(("chat",)),
    Effect.ASK: heard.Asked(("chat",)),
    Effect.PROBE: heard.Probed(heard.Finding.GOOD, "up for instance=web1:9100 is 1"),
}


class World:
    """Does every effect: says what it was told to say, and remembers what it was asked and what was on the disk then."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.outcomes = dict(OUTCOMES)
        self.asked: list[tuple[str, Effect]] = []
        self.recorded: dict[Effect, list[str]] = {}
        self.meanwhile: dict[Effect, Callable[[], object]] = {}
        self.ended = threading.Event()
        self.allowed = threading.Event()
        self.recovered: list[str] = []
        self.ended_for: list[str] = []
        self.kept: dict[str, float] = {}

    def run(self, incident: Incident) -> heard.Outcome:
        effect = incident.effect
        assert effect is not None
        self.recorded.setdefault(effect, self.records(incident))
        self.asked.append((incident.id, effect))
        self.meanwhile.get(effect, bool)()
        return self.outcomes[effect]

    def recover(self, incident: Incident) -> heard.Outcome:
        self.recovered.append(incident.id)
        return heard.Interrupted()

    def end(self, incident: str) -> None:
        self.ended_for.append(incident)

    def end_all(self) -> None:
        self.ended.set()

    def allow(self) -> None:
        self.allowed.set()

    def keep(self, incidents: Collection[str], until: float) -> None:
        self.kept |= dict.fromkeys(incidents, until)

    def effects(self, incident: str = "INC-A") -> list[Effect]:
        return [effect for name, effect in self.asked if name == incident]

    def records(self, incident: Incident) -> list[str]:
        path = self.directory / f"{incident_directory(incident.id, incident.opened_at)}/runner.jsonl"
        return [json.loads(line)["kind"] for line in path.read_bytes().splitlines()] if path.exists() else []


class Stage:
    """A database, a journal, a world, and an engine that is started when a test says so."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "breakglass.db"
        self.database = Database.open(f"sqlite:///{self.path}")
        self.incidents, self.orders = Incidents(self.database), Orders(self.database)
        self.journal = Journal(directory / "journal", JournalQueue(self.database), b"k" * 32)
        self.world = World(directory / "journal")
        others = dict.fromkeys(set(Effect) - {Effect.RUN_PLAY}, self.world)
        self.runners = Runners(self.database, "this process")
        self.runners.enter()
        parts = (self.incidents, self.orders, self.runners, self.journal)
        self.engine = Engine(Parts(*parts, self.world, others))
        self.started = False

    def start(self) -> None:
        self.engine.start()
        self.started = True

    def stop(self) -> None:
        if self.started:
            self.engine.stop()
            self.started = False

    def close(self) -> None:
        self.stop()
        self.journal.close()
        self.database.close()

    def alert(self, status: str = "firing", course: Course | None = None, name: str = "INC-A") -> None:
        alert = make_alert(status, group=name, fingerprint=name)
        self.incidents.accept([Arrival(alert, course or make_course(), name)])
        self.engine.hint()

    def incident(self, name: str = "INC-A") -> Incident:
        incident = self.incidents.show(name)
        assert incident is not None
        return incident

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {seconds} s; asked: {self.world.asked}; {self.engine.trouble}"
            )
            time.sleep(0.005)

    def until_state(self, state: State, name: str = "INC-A") -> Incident:
        self.until(lambda: self.incident(name).state is state)
        return self.incident(name)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a second, so that nobody has to wait for ten."""
    monkeypatch.setattr(incidents_module, "LEASE_MILLISECONDS", 1000)
    monkeypatch.setattr(engine_module, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "GIVE_UP_SECONDS", 0.3)


def test_one_alert_repairs_one_host(stage: Stage) -> None:
    """The engine takes an incident from its alert to its closure, each effect once and in order."""
    stage.start()
    stage.alert()
    stage.until_state(State.VERIFYING)
    stage.alert("resolved")
    assert stage.until_state(State.CLOSED).result is Result.REPAIRED
    assert stage.world.effects() == [Effect.RESERVE, Effect.OPEN_GRANT, Effect.RUN_PLAY, Effect.CLOSE_GRANT]


def test_the_intent_is_on_the_disk_first(stage: Stage) -> None:
    """When an effect begins, its intent and all that came before stand in the journal already."""
    stage.start()
    stage.alert()
    incident = stage.until_state(State.VERIFYING)
    recorded = stage.world.recorded
    assert recorded[Effect.RESERVE][0] == "incident.opened"
    assert recorded[Effect.OPEN_GRANT][-3:] == ["plan.made", "approval.given", "grant.intent"]
    assert recorded[Effect.RUN_PLAY][-2:] == ["grant.minted", "play.intent"]
    assert recorded[Effect.CLOSE_GRANT][-1] == "play.ended"
    stage.until(lambda: stage.world.records(incident)[-1:] == ["grant.revoked"])


def test_an_alert_that_comes_during_an_effect(stage: Stage) -> None:
    """What comes in while an effect goes on is taken in with its outcome."""
    stage.world.meanwhile[Effect.RUN_PLAY] = lambda: stage.alert("resolved")
    stage.start()
    stage.alert()
    assert stage.until_state(State.CLOSED).result is Result.REPAIRED


def test_many_incidents(stage: Stage) -> None:
    """Many incidents at once all come to their end, and each runs its play exactly once."""
    names = [f"INC-{number}" for number in range(24)]
    stage.start()
    for name in names:
        stage.alert(name=name, course=make_course(plan=make_plan(f"web{name}")))
    for name in names:
        stage.until_state(State.VERIFYING, name)
        stage.alert("resolved", name=name)
    for name in names:
        assert stage.until_state(State.CLOSED, name).result is Result.REPAIRED
    plays = Counter(name for name, effect in stage.world.asked if effect is Effect.RUN_PLAY)
    assert plays == dict.fromkeys(names, 1)


@pytest.mark.parametrize("effect", Effect)
def test_taking_over_from_a_dead_runner(stage: Stage, effect: Effect) -> None:
    """Whatever the dead runner was at, the incident goes on at once; its play is asked after and never just run again."""
    asked = Probing("up", (("instance", "web1:9100"),)) if effect is Effect.PROBE else None
    refusal = "no host" if effect is Effect.ESCALATE else ""
    quorum = Quorum("one", (Requirement(1, ("dba",)),), ("chat",), HOUR) if effect is Effect.ASK else None
    course = make_course(refusal=refusal, idempotent=False, probing=asked, quorum=quorum)
    die_at(stage, effect, course)
    stage.world.asked.clear()
    stage.start()
    if effect is Effect.RUN_PLAY:
        incident = stage.until_state(State.ESCALATED)
        stage.until(lambda: stage.incident().escalation.delivered == (0,))
        assert incident.result is Result.UNKNOWN
        assert stage.world.effects() == [Effect.CLOSE_GRANT, Effect.ESCALATE]
        assert stage.world.recovered == ["INC-A"]
    else:
        stage.until(lambda: stage.world.effects()[:1] == [effect])
        assert stage.world.recovered == []
        ends = {Effect.ESCALATE: State.ESCALATED, Effect.ASK: State.APPROVING, Effect.PROBE: State.CLOSED}
        stage.until_state(ends.get(effect, State.VERIFYING))


def die_at(stage: Stage, effect: Effect, course: Course) -> None:
    """What another runner leaves behind that dies at this effect: everything up to its intent is committed."""

    class Death(BaseException):
        pass

    def die() -> None:
        raise Death

    stage.world.meanwhile[effect] = die
    doers = dict.fromkeys(Effect, stage.world)
    other = Engine(Parts(stage.incidents, stage.orders, stage.runners, stage.journal, stage.world, doers))
    stage.alert(course=course)
    claimed = stage.incidents.claim()
    assert claimed is not None
    if effect is Effect.PROBE:
        other._advance(claimed)
        stage.alert("resolved", course=course)
        claimed = stage.incidents.claim()
        assert claimed is not None
    with pytest.raises(Death):
        other._advance(claimed)
    assert stage.incident().effect is effect
    del stage.world.meanwhile[effect]


@pytest.mark.usefixtures("quick")
def test_a_fault_of_ours_is_tried_again(stage: Stage) -> None:
    """An incident whose effect failed in a way that nobody thought of is claimed again, and called interrupted."""
    faults = iter([RuntimeError("a fault of ours")])

    def fail_once() -> None:
        for fault in faults:
            raise fault

    stage.world.meanwhile[Effect.OPEN_GRANT] = fail_once
    stage.start()
    stage.alert()
    stage.until_state(State.VERIFYING)
    assert stage.world.effects().count(Effect.OPEN_GRANT) == 2
    stage.until(lambda: "effect.interrupted" in stage.world.records(stage.incident()))


@pytest.mark.usefixtures("quick")
def test_a_long_effect_keeps_its_incident(stage: Stage) -> None:
    """While an effect goes on its lease is renewed again and again, and nobody else begins it."""
    release = threading.Event()
    stage.world.meanwhile[Effect.RUN_PLAY] = lambda: release.wait(60)
    stage.start()
    stage.alert()
    stage.until(lambda: Effect.RUN_PLAY in stage.world.effects())
    leases: set[int] = set()

    def renewed() -> bool:
        with stage.database.reading() as connection:
            leases.add(connection.execute(sa.select(INCIDENT.c.lease_until)).scalar_one())
        return max(leases) - min(leases) > 2000  # two whole leases later

    stage.until(renewed)
    release.set()
    stage.until_state(State.VERIFYING)
    assert stage.world.effects().count(Effect.RUN_PLAY) == 1


@pytest.mark.usefixtures("quick")
def test_plays_end_when_the_database_is_lost(stage: Stage) -> None:
    """A runner that can't renew its leases ends its plays; when the database is back, plays may run again."""
    stage.start()
    stage.until(stage.world.allowed.is_set)
    with closing(sqlite3.connect(stage.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stage.until(stage.world.ended.is_set)
        stage.world.allowed.clear()
        assert "locked" in stage.engine.trouble
        other.execute("ROLLBACK")
    stage.until(stage.world.allowed.is_set)


def test_a_lost_database_stays_a_trouble_while_it_is_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that can't be renewed are a trouble until they can be, also while nothing is there to claim."""
    monkeypatch.setattr(engine_module, "RENEW_SECONDS", 0.05)
    with closing(sqlite3.connect(stage.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stage.incidents.forget_leases = lambda: None  # type: ignore[method-assign]  # the start itself would wait
        stage.start()
        stage.until(lambda: bool(stage.engine.trouble))
        for _ in range(100):  # the dispatcher reads what is due, and finds nothing wrong
            assert "database" in stage.engine.trouble
            time.sleep(0.02)
        other.execute("ROLLBACK")
    stage.until(lambda: not stage.engine.trouble)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dispatcher_that_died_hangs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours that ends its thread is noticed by its last turn, as a thread that hangs is; the other loop goes on."""
    monkeypatch.setattr(engine_module, "TURN_SECONDS", 0.3)
    monkeypatch.setattr(engine_module, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(engine_module, "POLL_SECONDS", 0.05)
    engine = Engine(stage.engine._parts)
    stage.engine = engine
    dispatcher, keeper = engine.pulses
    stage.start()
    monkeypatch.setattr(stage.incidents, "claim", lambda *_: 1 / 0)
    stage.until(lambda: bool(dispatcher.hang()))
    assert "the dispatcher of its engine has not turned" in dispatcher.hang()
    stage.until(lambda: not keeper.hang())


@pytest.mark.usefixtures("quick")
def test_who_has_lost_its_name_does_nothing_more(stage: Stage) -> None:
    """When another process has taken its name a runner claims nothing, ends its plays, and says why."""
    stage.start()
    stage.until(stage.world.allowed.is_set)
    Runners(stage.database, "another process").enter()
    stage.until(stage.world.ended.is_set)
    stage.alert()
    assert "under this runner's name" in stage.engine.trouble
    stage.stop()
    assert (stage.world.asked, stage.incident().state) == ([], State.RECEIVED)


def test_nothing_starts_that_can_not_be_recorded(stage: Stage) -> None:
    """Without a journal no effect begins, the incident waits and says why, and what has to be recorded is kept."""
    year = stage.world.directory / f"{time.gmtime().tm_year}"
    year.write_text("not a directory")
    stage.start()
    stage.alert()
    stage.until(lambda: stage.incident().retries == 1)
    stage.stop()
    assert stage.world.asked == []
    assert stage.incident().state is State.WAITING
    kinds = [queued.kind for queued in JournalQueue(stage.database).waiting()]
    assert kinds == ["incident.opened", "alert.firing", "effect.postponed"]


def test_a_play_whose_record_fails_is_not_started(stage: Stage) -> None:
    """A journal that breaks before a play begins keeps the play from starting, and its grant is closed all the same."""

    def break_journal() -> None:
        incident = stage.incident()
        stage.journal.close()
        path = stage.world.directory / f"{incident_directory(incident.id, incident.opened_at)}/runner.jsonl"
        path.write_bytes(path.read_bytes().partition(b"\n")[2])

    stage.world.meanwhile[Effect.OPEN_GRANT] = break_journal
    stage.start()
    stage.alert()
    stage.until(lambda: Effect.CLOSE_GRANT in stage.world.effects())
    stage.until(lambda: bool(stage.incident().attempts[0].proven_at))
    assert Effect.RUN_PLAY not in stage.world.effects()
    assert stage.incident().attempts[0].outcome is PlayOutcome.NOT_STARTED


def test_draining(stage: Stage) -> None:
    """A runner that stops ends its plays, closes their grants before it goes, and begins nothing new."""
    stage.world.outcomes[Effect.RUN_PLAY] = heard.PlayEnded(PlayOutcome.STOPPED, "the runner stopped")
    stage.world.meanwhile[Effect.RUN_PLAY] = lambda: stage.world.ended.wait(60)
    stage.start()
    stage.alert()
    stage.until(lambda: Effect.RUN_PLAY in stage.world.effects())
    stage.stop()
    incident = stage.incident()
    assert (incident.attempt.outcome, incident.attempt.proven_at is not None) == (PlayOutcome.STOPPED, True)
    assert (incident.state, incident.effect) == (State.WAITING, None)
    assert stage.world.effects() == [Effect.RESERVE, Effect.OPEN_GRANT, Effect.RUN_PLAY, Effect.CLOSE_GRANT]
    with stage.database.reading() as connection:
        assert connection.execute(sa.select(INCIDENT.c.lease_until)).scalar_one() == 0


def test_a_broken_row_does_not_stop_the_others(stage: Stage) -> None:
    """An incident that can't be read is reported, and the others go on."""
    stage.alert(name="INC-BROKEN")
    with stage.database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).values(document="{}"))
    stage.alert()
    stage.start()
    stage.until_state(State.VERIFYING)


def say(stage: Stage, word: Word) -> None:
    stage.orders.give("INC-A", Ordered(word, "ada", "because"))
    stage.engine.hint()


@pytest.mark.usefixtures("quick")
def test_a_cancelled_play_is_ended_and_its_grant_closed(stage: Stage) -> None:
    """The order comes while the play runs; nothing follows it but the closing, and nobody is called."""
    stage.world.outcomes[Effect.RUN_PLAY] = heard.PlayEnded(PlayOutcome.STOPPED, "cancelled")

    def cancel() -> None:
        stage.orders.give("INC-A", Ordered(Word.CANCEL, "ada", "wrong host"))
        stage.until(lambda: stage.world.ended_for != [])

    stage.world.meanwhile[Effect.RUN_PLAY] = cancel
    stage.start()
    stage.alert()
    closed = stage.until_state(State.CLOSED)
    assert (closed.result, closed.cancelled_by) == (Result.CANCELLED, "ada")
    assert stage.world.effects() == [Effect.RESERVE, Effect.OPEN_GRANT, Effect.RUN_PLAY, Effect.CLOSE_GRANT]
    assert set(stage.world.ended_for) == {"INC-A"}


@pytest.mark.usefixtures("quick")
def test_what_waits_is_cancelled_at_once(stage: Stage) -> None:
    """Nothing was opened."""
    stage.world.outcomes[Effect.RESERVE] = heard.Blocked("cooldown", HOUR)
    stage.start()
    stage.alert()
    stage.until(lambda: stage.world.effects() != [])
    stage.until(lambda: stage.incident().effect is None)
    say(stage, Word.CANCEL)
    assert stage.until_state(State.CLOSED).result is Result.CANCELLED
    assert stage.world.effects() == [Effect.RESERVE]


@pytest.mark.usefixtures("quick")
def test_an_escalated_incident_is_tried_again_and_closed_by_people(stage: Stage) -> None:
    """A retry is the same plan; a close ends it, with the result that it had."""
    stage.world.outcomes[Effect.RUN_PLAY] = heard.PlayEnded(PlayOutcome.FAILED, "it did not help")
    stage.start()
    stage.alert(course=make_course(limits=replace(NEVER_WAITS, attempts=1)))
    stage.until_state(State.ESCALATED)
    stage.until(lambda: stage.incident().effect is None)
    say(stage, Word.RETRY)
    stage.until(lambda: len(stage.incident().attempts) == 2)
    stage.until(lambda: stage.incident().state is State.ESCALATED and stage.incident().effect is None)
    say(stage, Word.CLOSE)
    assert stage.until_state(State.CLOSED).result is Result.FAILED


def test_orders_that_make_no_sense_are_refused(stage: Stage) -> None:
    """Before anything is written."""
    with pytest.raises(NoSuchIncident, match="There is no incident INC-A"):
        stage.orders.give("INC-A", Ordered(Word.CANCEL, "ada", "x"))
    stage.alert()
    with pytest.raises(RefusedOrder, match=r"automation is still at INC-A \(received\); cancel it first"):
        stage.orders.give("INC-A", Ordered(Word.CLOSE, "ada", "x"))
    assert [one.id for one in stage.orders.open_incidents()] == ["INC-A"]
    assert [one.id for one in stage.orders.latest_incidents(5)] == ["INC-A"]
