# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a database on a PostgreSQL server, and what doctor says of it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.demo.installation import Installation, write_settings
from breakglass.doctor.checks import database as check
from breakglass.doctor.known import DATABASE, SETTINGS, Asked, Known
from breakglass.domain.holds import Scope
from breakglass.settings import load_settings
from breakglass.store.database import Database, DatabaseUnavailable, newest_revision
from breakglass.store.holds import Holds
from breakglass.store.looking import look_at
from breakglass.store.runners import Runners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "c4nary-s3cr3t"


@pytest.fixture
def known(address: tuple[str, Path], tmp_path: Path) -> Iterator[Known]:
    """What doctor knows when it comes to the database."""
    place = Installation(tmp_path / "site", tmp_path)
    place.directory.mkdir()
    write_settings(place, "http://127.0.0.1:9", "json://127.0.0.1:9/")
    settings = yaml.safe_load(place.settings.read_text(encoding="utf-8"))
    settings |= {"database_url": address[0], "database_password_file": str(address[1]), "name": "runner-a"}
    place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with ExitStack() as endings:
        known = Known(Asked(place.settings, "ada"), endings)
        known.learn(SETTINGS, load_settings(place.settings))
        yield known


def said(known: Known) -> list[tuple[str, str]]:
    return [(finding.mark.value, finding.says) for finding in check.look(known)]


def test_looking_makes_nothing(address: tuple[str, Path], known: Known) -> None:
    """An empty database stays empty, and the runner will make its tables."""
    for _ in range(2):
        assert look_at(*address).is_empty
        assert said(known) == [("ok", f"{address[0]}, empty; the runner makes its tables")]


def test_what_is_seen(address: tuple[str, Path], known: Known) -> None:
    """Schema, holds and the runners that work are read; a runner that has left is not named."""
    url, password = address
    database = Database.open(url, "runner-a", password)
    runners = Runners(database, "1")
    runners.enter()
    Holds(database).set(Scope.ALL, [""], "change freeze", "ada")
    found = look_at(url, password)
    assert (found.revision, found.is_current, list(found.runners)) == (newest_revision(), True, ["runner-a"])
    assert said(known) == [("ok", f"{url}, schema {newest_revision()}, 0 open incidents; runner-a works on it")]
    assert [hold.reason for hold in known[DATABASE].holds] == ["change freeze"]
    runners.leave()
    database.close()
    assert said(known)[0][1].endswith("no runner works on it")


def test_a_server_that_does_not_let_us_in(address: tuple[str, Path]) -> None:
    """A wrong password is said, and not shown."""
    address[1].write_text(CANARY)
    with pytest.raises(DatabaseUnavailable) as refused:
        look_at(*address)
    assert CANARY not in str(refused.value)
