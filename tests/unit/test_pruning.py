# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.incidents import DAY, HOUR, NEVER_WAITS, make_alert, make_course
from tests.unit.store.test_store_pruning import age, close, ids

from breakglass.domain.rules import Storm
from breakglass.pruning import BATCH, Forgetting, longest_memory
from breakglass.store.database import Database
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.pruning import Pruning

if TYPE_CHECKING:
    from pathlib import Path

MONTH = timedelta(days=30)


def test_how_far_limits_look_back() -> None:
    """A day for repairs per day, the longest cooldown, the longest storm."""
    assert longest_memory([]) == DAY
    assert longest_memory([replace(NEVER_WAITS, cooldown=HOUR)]) == DAY
    assert longest_memory([NEVER_WAITS, replace(NEVER_WAITS, cooldown=90 * DAY)]) == 90 * DAY
    assert longest_memory([replace(NEVER_WAITS, storm=Storm(2, 3 * DAY))]) == 3 * DAY


def test_no_limit_loses_its_memory(tmp_path: Path) -> None:
    """A cooldown that is longer than what is kept keeps its incidents; without it all of them go, over several batches."""
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    incidents, limits = Incidents(database), [replace(NEVER_WAITS, cooldown=2 * MONTH)]
    names = [f"INC-{number}" for number in range(BATCH + 3)]
    for name in names:
        incidents.accept([Arrival(make_alert(fingerprint=name, group=name), make_course(), name)])
        close(incidents, name)
    age(database, MONTH + DAY)
    forgetting = Forgetting(Pruning(database), MONTH, lambda: limits)
    forgetting.look()
    assert len(ids(database)) == len(names)
    limits.clear()
    forgetting.look()
    assert ids(database) == []
    database.close()
