# SPDX-License-Identifier: GPL-3.0-or-later
"""The runners of this database: who works, who was seen when, and which one does what only one may do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.database import NOW, RunnerAlreadyRunning
from breakglass.store.tables import RUNNER

if TYPE_CHECKING:
    from breakglass.store.database import Database

ALIVE = timedelta(seconds=10)
"""A runner that was not seen for this long does not work any more, or can't. It is the length of a lease, too."""


class Runners:
    """The table of runners, as one of them uses it.

    Attributes:
        instance: This process; another one after each start.
    """

    def __init__(self, database: Database, instance: str) -> None:
        self._database = database
        self.instance = instance

    def enter(self) -> None:
        """Begin to work.

        Raises:
            RunnerAlreadyRunning: Another process works under this name, or did a moment ago.
            DatabaseUnavailable: Nobody can say.
        """
        name = self._database.runner
        mine = RUNNER.c.name == name
        with self._database.transaction() as connection:
            other = sa.select(RUNNER.c.instance).where(mine, alive(), RUNNER.c.instance != self.instance)
            if self._database.several_runners and connection.execute(other).first():
                raise RunnerAlreadyRunning(
                    f"Another runner works on this database under the name {name}, or was there a moment ago. Stop it, or "
                    "give this one a `name` and a journal of its own in its settings."
                )
            connection.execute(sa.delete(RUNNER).where(mine))
            row = {"name": name, "instance": self.instance, "started_at": NOW, "seen_at": NOW}
            connection.execute(sa.insert(RUNNER).values(row))

    def seen(self) -> bool:
        """Say that this runner works; False when another process has taken its name."""
        mine = sa.and_(RUNNER.c.name == self._database.runner, RUNNER.c.instance == self.instance)
        with self._database.transaction() as connection:
            return bool(connection.execute(sa.update(RUNNER).where(mine).values(seen_at=NOW)).rowcount)

    def leave(self) -> None:
        """Say that this runner has ended in good order, so that nobody waits for it."""
        mine = sa.and_(RUNNER.c.name == self._database.runner, RUNNER.c.instance == self.instance)
        with self._database.transaction() as connection:
            connection.execute(sa.update(RUNNER).where(mine).values(seen_at=0))

    def leads(self) -> bool:
        """Whether this runner does now what only one may do: the first by name of those that work."""
        if not self._database.several_runners:
            return True
        first = sa.select(sa.func.min(RUNNER.c.name)).where(alive())
        with self._database.reading() as connection:
            return bool(connection.execute(first).scalar() == self._database.runner)


def alive(within: timedelta = ALIVE) -> sa.ColumnElement[bool]:
    """The condition of a row: its runner was seen within this time."""
    return RUNNER.c.seen_at > NOW - round(within.total_seconds() * 1000)
