# SPDX-License-Identifier: GPL-3.0-or-later
"""Accessors of the runners' Vault sessions: what has to be revoked of those that are dead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.database import NOW
from breakglass.store.runners import alive
from breakglass.store.tables import RUNNER, VAULT_SESSION

if TYPE_CHECKING:
    from breakglass.store.database import Database

DEAD = timedelta(minutes=1)
"""A runner that was not seen for this long needs its session no more; one that comes back all the same logs in anew."""


class Sessions:
    """The table of sessions that are not yet known to be gone. An accessor can end a token but not act as it."""

    def __init__(self, database: Database, instance: str = "") -> None:
        self._database = database
        self._instance = instance

    def opened(self, accessor: str) -> None:
        """A session of this process began."""
        row = {"accessor": accessor, "runner": self._database.runner, "instance": self._instance}
        with self._database.transaction() as connection:
            connection.execute(sa.insert(VAULT_SESSION).values(opened_at=NOW, **row))

    def ended(self, accessor: str) -> None:
        """A session is proven gone."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(VAULT_SESSION).where(VAULT_SESSION.c.accessor == accessor))

    def left_over(self) -> list[str]:
        """Sessions of earlier processes of this runner, and of runners that are dead, that nobody has ended.

        An earlier session of this very process is not among them: plays may live by it.
        """
        mine = sa.and_(VAULT_SESSION.c.runner == self._database.runner, VAULT_SESSION.c.instance == self._instance)
        dead = ~sa.exists().where(RUNNER.c.name == VAULT_SESSION.c.runner, alive(DEAD))
        before = VAULT_SESSION.c.runner == self._database.runner
        with self._database.reading() as connection:
            found = sa.select(VAULT_SESSION.c.accessor).where(~mine, sa.or_(before, dead))
            return list(connection.execute(found).scalars())
