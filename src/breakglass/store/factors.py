# SPDX-License-Identifier: GPL-3.0-or-later
"""Second factors: how often somebody has guessed, and which codes were used. Vault itself neither counts nor remembers for long.

A try is counted before Vault is asked, so that a crash in between forgets none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.errors import BreakglassError
from breakglass.store.database import NOW
from breakglass.store.tables import FACTOR, USED_CODE

if TYPE_CHECKING:
    from breakglass.store.database import Database

MOST_TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
REMEMBERED_FOR = timedelta(days=1)


class LockedFactor(BreakglassError):
    """Raised when somebody has guessed too often; nothing was asked of Vault."""


class UsedCode(BreakglassError):
    """Raised when a code was right, and had been used before."""


@dataclass(frozen=True)
class Factors:
    """The memory of second factors."""

    database: Database

    def begin_try(self, person: str) -> None:
        """Count a try, durable on return. Raises LockedFactor, DatabaseUnavailable."""
        with self.database.transaction() as connection:
            old = NOW - _milliseconds(LOCKED_FOR)
            connection.execute(sa.delete(FACTOR).where(FACTOR.c.person == person, FACTOR.c.tried_at < old))
            row = connection.execute(
                sa.select(FACTOR.c.tries).where(FACTOR.c.person == person).with_for_update()
            ).first()
            if row is None:
                connection.execute(sa.insert(FACTOR).values(person=person, tries=1, tried_at=NOW))
                return
            if row.tries >= MOST_TRIES:
                raise LockedFactor(
                    f"The second factor of {person} is locked after {MOST_TRIES} wrong codes; it can be tried again "
                    f"{LOCKED_FOR.total_seconds() / 60:.0f} minutes after the last of them. If that was not you, tell your "
                    "security team: somebody has your login."
                )
            connection.execute(
                sa.update(FACTOR).where(FACTOR.c.person == person).values(tries=row.tries + 1, tried_at=NOW)
            )

    def was_not_tried(self, person: str) -> None:
        """Vault could not be asked, so the try does not count. Raises DatabaseUnavailable."""
        with self.database.transaction() as connection:
            one_less = sa.update(FACTOR).where(FACTOR.c.person == person, FACTOR.c.tries > 0)
            connection.execute(one_less.values(tries=FACTOR.c.tries - 1))

    def use(self, person: str, code: str) -> None:
        """A right code: use it up, and count from anew. Raises UsedCode, DatabaseUnavailable."""
        digest = _costly_digest(person, code)
        with self.database.transaction() as connection:
            connection.execute(sa.delete(USED_CODE).where(USED_CODE.c.at < NOW - _milliseconds(REMEMBERED_FOR)))
            known = sa.select(USED_CODE.c.at).where(USED_CODE.c.person == person, USED_CODE.c.code == digest)
            if connection.execute(known).first() is not None:
                raise UsedCode("This code was used before: wait for the next one.")
            connection.execute(sa.insert(USED_CODE).values(person=person, code=digest, at=NOW))
            connection.execute(sa.delete(FACTOR).where(FACTOR.c.person == person))


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def _costly_digest(person: str, code: str) -> str:
    """Scrypt, so that who reads the table learns no code before it is worthless (eight digits live for thirty seconds)."""
    return hashlib.scrypt(code.encode(), salt=f"breakglass {person}".encode(), n=2**14, r=8, p=1, dklen=16).hex()
