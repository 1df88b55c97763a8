# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that were given, each by the key that its caller sent, so that a call that is sent again is not done again.

A caller's key is never here, only its SHA-256; and what was said is here only as an HMAC under that key. So nobody who reads
the database learns what was said, be it a code of six digits.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.database import NOW
from breakglass.store.runners import alive
from breakglass.store.tables import GIVEN_ANSWER, RUNNER

if TYPE_CHECKING:
    from breakglass.store.database import Database

KEPT_FOR = timedelta(hours=24)
MOST_OF_ONE = 1000
"""So many of the newest of one caller are kept: more at once is no person, and no program that works as meant."""
LARGEST_CONTENT = 65_536
NOBODY = ""
"""The instance that is at work on what may be begun again at once."""


@dataclass(frozen=True)
class Sent:
    """A call that may be sent again.

    Attributes:
        entity: Of the caller.
        key: Digest of the key that they sent.
        said: HMAC under that key of all that they ask for.
    """

    entity: str
    key: str
    said: str

    @classmethod
    def of(cls, entity: str, key: str, *said: bytes) -> Sent:
        """That of a caller's key, and the parts of what they ask for."""
        told = hmac.new(key.encode(), digestmod=hashlib.sha256)
        for part in said:
            told.update(len(part).to_bytes(8, "big") + part)
        return cls(entity, hashlib.sha256(b"breakglass key\0" + key.encode()).hexdigest(), told.hexdigest())


@dataclass(frozen=True)
class Given:
    """An answer that was given.

    Attributes:
        status: Of HTTP.
        media: Its media type; empty where it has no content.
        content: What it held; None where it was not kept.
    """

    status: int
    media: str
    content: str | None


@dataclass(frozen=True)
class Begun:
    """It is to be done now; `name` is for what it makes, the same one as when it was begun before."""

    name: str


@dataclass(frozen=True)
class AtWork:
    """Another runner is at it."""


@dataclass(frozen=True)
class SaidOtherwise:
    """The key was sent with something else."""


@dataclass(frozen=True)
class GivenAnswers:
    """Those of one database, as one runner uses it. All raise DatabaseUnavailable.

    Attributes:
        database: Where they are kept.
        instance: The running process: what another one has begun and not ended is begun again once that does not work any more.
    """

    database: Database
    instance: str

    def begin(self, sent: Sent, name: str) -> Begun | AtWork | SaidOtherwise | Given:
        """Begin a call, durable on return; or tell what is known of it. This process is not at it already."""
        mine = _row(sent)
        with self.database.transaction() as connection:
            connection.execute(sa.delete(GIVEN_ANSWER).where(mine, _is_old()))
            row = connection.execute(sa.select(GIVEN_ANSWER, _is_alive()).where(mine)).first()
            if row is None:
                values = {"entity": sent.entity, "key": sent.key, "said": sent.said, "name": name}
                connection.execute(sa.insert(GIVEN_ANSWER).values(at=NOW, instance=self.instance, **values))
                connection.execute(_too_many(sent.entity))
                return Begun(name)
            if not hmac.compare_digest(row.said, sent.said):
                return SaidOtherwise()
            if row.status is not None:
                return Given(row.status, row.media, row.content)
            if row.instance != self.instance and row.works:
                return AtWork()
            connection.execute(sa.update(GIVEN_ANSWER).where(mine).values(instance=self.instance))
            return Begun(row.name)

    def keep(self, sent: Sent, given: Given) -> None:
        """Keep the answer of a call that was begun; durable on return. A large one is known to be given, and not kept."""
        content = given.content if given.content is None or len(given.content) <= LARGEST_CONTENT else None
        values = {"status": given.status, "media": given.media, "content": content}
        with self.database.transaction() as connection:
            connection.execute(sa.update(GIVEN_ANSWER).where(_row(sent)).values(**values))

    def forget(self, sent: Sent) -> None:
        """No answer counts, and trying again may help: under the same name, since it may have been done all the same."""
        with self.database.transaction() as connection:
            connection.execute(sa.update(GIVEN_ANSWER).where(_row(sent)).values(instance=NOBODY))

    def prune(self) -> None:
        """Forget what is too old to be sent again."""
        with self.database.transaction() as connection:
            connection.execute(sa.delete(GIVEN_ANSWER).where(_is_old()))


def _row(sent: Sent) -> sa.ColumnElement[bool]:
    return sa.and_(GIVEN_ANSWER.c.entity == sent.entity, GIVEN_ANSWER.c.key == sent.key)


def _is_old() -> sa.ColumnElement[bool]:
    return GIVEN_ANSWER.c.at < NOW - round(KEPT_FOR.total_seconds() * 1000)


def _is_alive() -> sa.Label[bool]:
    return sa.exists().where(RUNNER.c.instance == GIVEN_ANSWER.c.instance, alive()).label("works")


def _too_many(entity: str) -> sa.Delete:
    """The oldest of a caller who has sent very many; what is at work stays."""
    newest = sa.select(GIVEN_ANSWER.c.at).where(GIVEN_ANSWER.c.entity == entity).order_by(GIVEN_ANSWER.c.at.desc())
    oldest_kept = newest.offset(MOST_OF_ONE - 1).limit(1).scalar_subquery()
    return sa.delete(GIVEN_ANSWER).where(
        GIVEN_ANSWER.c.entity == entity,
        sa.or_(GIVEN_ANSWER.c.status.is_not(None), GIVEN_ANSWER.c.instance == NOBODY),
        GIVEN_ANSWER.c.at < oldest_kept,
    )
