# SPDX-License-Identifier: GPL-3.0-or-later
"""Accessors of this runner's Vault sessions: what a restart revokes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.database import NOW
from breakglass.store.tables import VAULT_SESSION

if TYPE_CHECKING:
    from breakglass.store.database import Database


class Sessions:
    """The table of sessions that are not yet known to be gone. An accessor can end a token but not act as it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def opened(self, accessor: str) -> None:
        """A session began."""
        with self._database.transaction() as connection:
            connection.execute(sa.insert(VAULT_SESSION).values(accessor=accessor, opened_at=NOW))

    def ended(self, accessor: str) -> None:
        """A session is proven gone."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(VAULT_SESSION).where(VAULT_SESSION.c.accessor == accessor))

    def left_over(self) -> list[str]:
        """Sessions that nobody has ended."""
        with self._database.reading() as connection:
            return list(connection.execute(sa.select(VAULT_SESSION.c.accessor)).scalars())
