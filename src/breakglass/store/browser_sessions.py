# SPDX-License-Identifier: GPL-3.0-or-later
"""Browsers in which somebody has signed in: for whom, and until when. Every runner of the database knows them.

The browser has the secret, 256 random bits; here is only its SHA-256, which opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.database import NOW
from breakglass.store.tables import BROWSER_SESSION

if TYPE_CHECKING:
    from breakglass.store.database import Database

LIFE = timedelta(minutes=15)


@dataclass(frozen=True)
class BrowserSessions:
    """The sessions of one database. All raise DatabaseUnavailable."""

    database: Database

    def begin(self, entity: str) -> str:
        """Begin one for an entity of Vault; the secret for its browser. Forgets those that are over."""
        secret = secrets.token_urlsafe(32)
        row = {"digest": _digest(secret), "entity": entity, "ends_at": NOW + int(LIFE.total_seconds() * 1000)}
        with self.database.transaction() as connection:
            connection.execute(sa.delete(BROWSER_SESSION).where(BROWSER_SESSION.c.ends_at <= NOW))
            connection.execute(sa.insert(BROWSER_SESSION).values(**row))
        return secret

    def entity(self, secret: str) -> str:
        """Whose session it is; empty when it is nobody's, or over."""
        query = sa.select(BROWSER_SESSION.c.entity).where(
            BROWSER_SESSION.c.digest == _digest(secret), BROWSER_SESSION.c.ends_at > NOW
        )
        with self.database.reading() as connection:
            return str(connection.execute(query).scalar() or "")

    def end(self, secret: str) -> None:
        """End it, if there is one."""
        with self.database.transaction() as connection:
            connection.execute(sa.delete(BROWSER_SESSION).where(BROWSER_SESSION.c.digest == _digest(secret)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
