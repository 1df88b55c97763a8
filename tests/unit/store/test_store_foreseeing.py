# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import DAY, HOUR, MINUTE, NEVER_WAITS, make_alert, make_course, make_incident, make_plan

from breakglass.domain.holds import Scope
from breakglass.domain.incident import State
from breakglass.domain.messages import Blocked, Held, OverLimit, Reserved
from breakglass.store.database import NOW, Database
from breakglass.store.foreseeing import Repairs, foresee
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.limits import Reservations
from breakglass.store.tables import HOLD, HOST_CLAIM, INCIDENT, REPAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path

    from breakglass.domain.course import Course
    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import Limits

GROUPS = {f"web{number}": frozenset({"web"}) for number in range(1, 5)}
EASY = replace(NEVER_WAITS, repairs_per_day=100, hosts_at_once=100)


@pytest.fixture
def database(place: tuple[str, str, Path | None]) -> Iterator[Database]:
    database = Database.open(*place)
    yield database
    database.close()


def course(*hosts: str, limits: Limits = EASY) -> Course:
    return replace(make_course(plan=make_plan(*hosts), limits=limits), groups=("web",))


def stored(database: Database, name: str, *hosts: str, limits: Limits = EASY) -> Incident:
    """An incident that is in the database."""
    found = course(*hosts, limits=limits)
    Incidents(database).accept([Arrival(make_alert(fingerprint=name, group=name), found, name)])
    return make_incident(found, name=name)


def reserve(database: Database, incident: Incident) -> object:
    return Reservations(database, 100, lambda: GROUPS).reserve(incident)


def repaired(database: Database, name: str, ago: timedelta) -> None:
    """web1 was repaired, so long ago."""
    incident, shift = stored(database, name, "web1"), round(ago.total_seconds() * 1000)
    assert isinstance(reserve(database, incident), Reserved)
    with database.transaction() as connection:
        closed = sa.update(INCIDENT).where(INCIDENT.c.id == name)
        connection.execute(closed.values(state=State.CLOSED, closed_at=NOW - shift))
        connection.execute(sa.update(REPAIR).where(REPAIR.c.incident == name).values(at=NOW - shift))
        connection.execute(sa.delete(HOST_CLAIM).where(HOST_CLAIM.c.incident == name))


def nothing(database: Database) -> None:
    """Nobody has done anything."""


def in_cooldown(database: Database) -> None:
    repaired(database, "A", 5 * MINUTE)


def often(database: Database) -> None:
    for number, name in enumerate("ABC"):
        repaired(database, name, (number + 2) * HOUR)


def under_repair(database: Database) -> None:
    reserve(database, stored(database, "A", "web1"))


def others_of_the_group(database: Database) -> None:
    reserve(database, stored(database, "A", "web2"))


def held_by_a_person(database: Database) -> None:
    Holds(database).set(Scope.HOST, ["web1"], "it is looked at", "ada")


def isolated(database: Database) -> None:
    stored(database, "A", "web1")
    values = {"scope": "host", "name": "web1", "reason": "isolated", "person": "", "incident": "A"}
    with database.transaction() as connection:
        connection.execute(sa.insert(HOLD).values(since=NOW, told_at=NOW, **values))


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        (nothing, None),
        (in_cooldown, Blocked),
        (often, OverLimit),
        (under_repair, Blocked),
        (others_of_the_group, Blocked),
        (held_by_a_person, OverLimit),
        (isolated, Held),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_foreseen_is_what_comes(
    database: Database,
    place: tuple[str, str, Path | None],
    happened: Callable[[Database], None],
    kind: type[object] | None,
) -> None:
    """An incident that then really starts is told the same; looking has changed nothing."""
    limits = replace(EASY, cooldown=15 * MINUTE, repairs_per_day=3, group_share=25)
    happened(database)
    incident = make_incident(course("web1", limits=limits), name="NEW")
    foreseen = [foresee(place[0], place[2], incident, GROUPS) for _ in range(2)]
    assert foreseen[0] is not None
    assert foreseen[1] is not None
    told = reserve(database, stored(database, "NEW", "web1", limits=limits))
    if kind is None:
        assert foreseen[0].obstacle is None
        assert isinstance(told, Reserved)
        return
    assert isinstance(told, kind)
    for one in foreseen:
        assert isinstance(one.obstacle, kind)
        assert one.obstacle.why == told.why  # type: ignore[union-attr,attr-defined]


def test_repairs_are_counted_for_each_host(database: Database, place: tuple[str, str, Path | None]) -> None:
    """Those of a day, and when the last one was over; of a host that was never repaired that it was not."""
    repaired(database, "A", 2 * DAY)
    repaired(database, "B", 3 * HOUR)
    incident = make_incident(course("web1", "web2"), name="NEW")
    found = foresee(place[0], place[2], incident, GROUPS)
    assert found is not None
    first, second = found.repairs
    assert (first.host, first.within_a_day, second) == ("web1", 1, Repairs("web2"))
    assert first.last_over is not None
    with database.reading() as connection:
        left = connection.execute(sa.select(NOW)).scalar_one() - round(first.last_over.timestamp() * 1000)
    assert abs(left - round((3 * HOUR).total_seconds() * 1000)) < 60_000


def test_a_database_of_another_version_is_left_alone(database: Database, place: tuple[str, str, Path | None]) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert foresee(place[0], place[2], make_incident(), GROUPS) is None
