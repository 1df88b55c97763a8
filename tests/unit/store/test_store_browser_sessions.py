# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of browsers: each has a secret of its own, which the database does not know, and an end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.store.browser_sessions import LIFE, BrowserSessions
from breakglass.store.tables import BROWSER_SESSION

if TYPE_CHECKING:
    from breakglass.store.database import Database


def test_a_secret_says_whose_session_it_is(database: Database) -> None:
    """Of this session and no other; guessed ones are nobody's."""
    sessions = BrowserSessions(database)
    bens, cys = sessions.begin("e-ben"), sessions.begin("e-cy")
    assert (sessions.entity(bens), sessions.entity(cys)) == ("e-ben", "e-cy")
    assert not any(
        sessions.entity(guess) for guess in ("", "e-ben", bens[:-1], hashlib.sha256(bens.encode()).hexdigest())
    )


def test_the_database_does_not_know_the_secret(database: Database) -> None:
    """Only its digest."""
    secret = BrowserSessions(database).begin("e-ben")
    with database.reading() as connection:
        rows = connection.execute(sa.select(BROWSER_SESSION)).all()
    assert [row.digest for row in rows] == [hashlib.sha256(secret.encode()).hexdigest()]
    assert secret not in str(rows)


def test_an_ended_session_is_nobody_s(database: Database) -> None:
    """Others go on; ending it twice is no trouble."""
    sessions = BrowserSessions(database)
    bens, cys = sessions.begin("e-ben"), sessions.begin("e-cy")
    sessions.end(bens)
    sessions.end(bens)
    assert (sessions.entity(bens), sessions.entity(cys)) == ("", "e-cy")


def test_a_session_ends_after_a_quarter_of_an_hour(database: Database) -> None:
    """By the database's clock; the next one that is begun takes its row away."""
    sessions = BrowserSessions(database)
    secret = sessions.begin("e-ben")
    quarter = int(LIFE.total_seconds() * 1000)
    assert quarter == 15 * 60 * 1000
    with database.transaction() as connection:
        connection.execute(sa.update(BROWSER_SESSION).values(ends_at=BROWSER_SESSION.c.ends_at - quarter))
    assert sessions.entity(secret) == ""
    other = sessions.begin("e-cy")
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(BROWSER_SESSION)).scalar_one() == 1
    assert sessions.entity(other) == "e-cy"
