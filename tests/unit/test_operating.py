# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of many incidents: theirs, also where those of others stand between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import make_alert, make_course

from breakglass import operating as subject
from breakglass.domain.approvals import Asker
from breakglass.domain.incident import State
from breakglass.domain.people import People
from breakglass.domain.requests import Person
from breakglass.holding import Holding
from breakglass.operating import Operating
from breakglass.store.database import Database
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.orders import Orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.store.listing import Position

ADA = Person("entity-ada", "ada", frozenset({"web-team"}), "ada")
RITA = Person("entity-rita", "rita", frozenset({"revision"}), "rita")
EVERYTHING = frozenset(State)
GROUPS = frozenset({"web-team"})


@pytest.fixture
def operating(tmp_path: Path) -> Iterator[Operating]:
    """Thirty incidents, of which every tenth is Ada's request."""
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    asked = replace(make_course(), asked_by=Asker("ada", "entity-ada", "ada", ()))
    for number in range(30):
        name = f"INC-{number:02}"
        course = make_course() if number % 10 else asked
        Incidents(database).accept([Arrival(make_alert(fingerprint=name, group=name), course, name)])
    roles = People(auditors=frozenset({"revision"}))
    yield Operating(lambda: roles, lambda: GROUPS, Orders(database), Holding(database, lambda _: frozenset()))
    database.close()


def pages(operating: Operating, person: Person, most: int) -> list[list[str]]:
    """The pages, as long as there is a next one."""
    found, after = operating.listed(person, most, EVERYTHING)
    seen = [[one.id for one in found]]
    position: Position | None = after
    while position is not None:
        found, position = operating.listed(person, most, EVERYTHING, position)
        seen.append([one.id for one in found])
    return seen


def test_who_sees_few_gets_theirs_without_a_gap(operating: Operating, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of others a call reads: a page may be short or empty, and says that there is another one."""
    for looked_at, at_once in ((1000, 200), (8, 4), (6, 6), (1, 1)):
        monkeypatch.setattr(subject, "LOOKED_AT", looked_at)
        monkeypatch.setattr(subject, "AT_ONCE", at_once)
        for most in (1, 2, 50):
            seen = pages(operating, ADA, most)
            assert all(len(page) <= most for page in seen)
            assert [one for page in seen for one in page] == ["INC-20", "INC-10", "INC-00"]


def test_who_sees_all_gets_full_pages(operating: Operating) -> None:
    """Of as many as were asked for."""
    seen = pages(operating, RITA, 7)
    assert [len(page) for page in seen] == [7, 7, 7, 7, 2]
    assert len({one for page in seen for one in page}) == 30
