# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from tests.support.incidents import NEVER_WAITS, make_alert, make_course, make_incident, make_plan

from breakglass.domain.deciding import decide
from breakglass.domain.holds import Scope
from breakglass.domain.messages import AlertArrived, OverLimit
from breakglass.store import database as database_module
from breakglass.store.database import Database, RunnerAlreadyRunning, newest_revision, revision_of
from breakglass.store.holds import Holds
from breakglass.store.incidents import Committed, Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.limits import Reservations
from breakglass.store.orders import Orders

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident

    Place = tuple[str, str, Path | None]


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(database_module.Path(database_module.__file__).parent / "migrations"))
    return config


REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions())
BEFORE_HOLDS = "0001"
EARLIER = Path(__file__).parents[2] / "support" / "earlier-documents.json"


def written_by(revision: str) -> dict[str, dict[str, object]]:
    """Documents as a version of the runner with this schema really wrote them, or with the newest older one that wrote others.

    By the state of the incident, and the alert: the same of `tests.support.incidents` at each version.
    """
    kept: dict[str, dict[str, dict[str, object]]] = json.loads(EARLIER.read_text(encoding="utf-8"))
    return kept[max(known for known in kept if known <= revision)]


def older(place: Place, revision: str = BEFORE_HOLDS, state: str = "received") -> Incident:
    """A database as an earlier version left it: an incident waits in it, with an alert that it has not taken in, and a record."""
    made, config, documents = Database(*place), migrations(), written_by(revision)
    incident = {
        "id": "A",
        "key": "k",
        "state": state,
        "trigger": "service-down",
        "document": json.dumps(documents[state]),
        "wake_at": 0,
        "opened_at": 0,
    }
    message = {"incident": "A", "fault": "f", "firing": True, "dedup": "d", "body": json.dumps(documents["alert"])}
    record = {"stream": "2026/11/22/A/runner", "at": 0, "kind": "incident.opened", "body": "{}"}
    with made.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table, row in (("incident", incident), ("inbox", message), ("outbox", record)):
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)
    made.close()
    return make_incident(make_course(plan=make_plan("web1"), limits=NEVER_WAITS), name="A")


@pytest.mark.parametrize("state", ["received", "waiting"])
@pytest.mark.parametrize("revision", REVISIONS)
def test_what_waited_goes_on_after_an_upgrade(place: Place, revision: str, state: str) -> None:
    """From each earlier schema: the incident is claimed with its alert, decides, and is committed; nothing that waited is lost."""
    waiting = older(place, revision, state)
    runner = Database.open(*place)
    with runner.reading() as connection:
        assert revision_of(connection) == newest_revision()
    incidents = Incidents(runner)
    claimed = incidents.claim()
    assert claimed is not None
    assert claimed.incident.state == state
    assert claimed.incident.course == waiting.course
    assert [alert.fingerprint for alert in claimed.alerts] == [make_alert().fingerprint]
    decision = decide(claimed.incident, [AlertArrived(alert) for alert in claimed.alerts], claimed.at)
    assert incidents.commit(claimed, decision, "2026/11/22/A/runner") is Committed.DONE
    assert [one.id for one in Orders(runner).open_incidents()] == ["A"]
    with runner.reading() as connection:
        records = connection.execute(sa.text("SELECT kind FROM outbox ORDER BY seq")).scalars().all()
    assert records[0] == "incident.opened", "the one that waited comes first"
    assert ("incident.opened" in records[1:]) is (state == "received")
    runner.close()


def test_a_command_after_an_upgrade(place: Place) -> None:
    """It brings the schema up to date itself, and what it does binds the incident that waited."""
    older(place)
    upgraded = Database.beside(*place)
    Holds(upgraded).set(Scope.HOST, ["web1"], "upgrade", "ada")
    upgraded.close()
    runner = Database.open(*place)
    claimed = Incidents(runner).claim()
    assert claimed is not None
    assert isinstance(Reservations(runner, 5).reserve(claimed.incident), OverLimit)
    assert "hold.set" in [note.kind for note in JournalQueue(runner).waiting()]
    runner.close()


def test_several_that_start_at_once(place: Place) -> None:
    """Each waits for the one that upgrades, where several may work; where one may, the others are refused."""
    older(place)

    def start(_: int) -> Database | None:
        try:
            return Database.open(*place)
        except RunnerAlreadyRunning:
            return None

    with ThreadPoolExecutor(4) as pool:
        started = [database for database in pool.map(start, range(4)) if database is not None]
    assert len(started) == (4 if started[0].several_runners else 1)
    with started[0].reading() as connection:
        assert revision_of(connection) == newest_revision()
    for database in started:
        database.close()


def test_an_older_runner_at_work(tmp_path: Path) -> None:
    """A command never changes the schema of an SQLite database under a runner of the version before."""
    place = (f"sqlite:///{tmp_path}/breakglass.db", "", None)
    older(place)
    runner = Database(*place)
    runner._kind.take()
    with pytest.raises(RunnerAlreadyRunning):
        Database.beside(*place)
    runner.close()
