# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that were given: a key means one thing, for a day, and neither it nor what was said can be read in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from breakglass.store import given_answers
from breakglass.store.given_answers import (
    KEPT_FOR,
    LARGEST_CONTENT,
    AtWork,
    Begun,
    Given,
    GivenAnswers,
    SaidOtherwise,
    Sent,
)
from breakglass.store.runners import Runners
from breakglass.store.tables import GIVEN_ANSWER

if TYPE_CHECKING:
    from breakglass.store.database import Database

KEY = "a-key-of-one-call"
DONE = Given(202, "application/json", '{"request":"INC-1"}')


def sent(key: str = KEY, said: bytes = b"body", entity: str = "e-ada") -> Sent:
    """A call."""
    return Sent.of(entity, key, b"POST", said)


def count(database: Database) -> int:
    """So many rows."""
    with database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(GIVEN_ANSWER)).scalar_one())


def age(database: Database, milliseconds: int) -> None:
    """Let so much time pass, for what is there."""
    with database.transaction() as connection:
        connection.execute(sa.update(GIVEN_ANSWER).values(at=GIVEN_ANSWER.c.at - milliseconds))


def test_an_answer_is_given_again(database: Database) -> None:
    """To who sent the key, for what was said with it; others have keys of their own."""
    answers = GivenAnswers(database, "one")
    assert answers.begin(sent(), "INC-1") == Begun("INC-1")
    answers.keep(sent(), DONE)
    assert answers.begin(sent(), "INC-2") == DONE
    assert answers.begin(sent(said=b"other"), "INC-2") == SaidOtherwise()
    assert answers.begin(sent(entity="e-ben"), "INC-2") == Begun("INC-2")
    assert answers.begin(sent(KEY + "x"), "INC-3") == Begun("INC-3")


def test_what_another_runner_is_at_is_not_begun(database: Database) -> None:
    """While that one works; afterwards it is begun again, under the name of the first time."""
    other, mine = Runners(database, "other"), GivenAnswers(database, "mine")
    other.enter()
    assert GivenAnswers(database, "other").begin(sent(), "INC-1") == Begun("INC-1")
    assert mine.begin(sent(), "INC-2") == AtWork()
    assert mine.begin(sent(said=b"other"), "INC-2") == SaidOtherwise()
    other.leave()
    assert mine.begin(sent(), "INC-2") == Begun("INC-1")
    mine.keep(sent(), DONE)
    assert mine.begin(sent(), "INC-3") == DONE


def test_what_was_not_done_is_begun_anew(database: Database) -> None:
    """Under the same name: it may have been done, though its caller was told that it was not."""
    answers = GivenAnswers(database, "one")
    answers.begin(sent(), "INC-1")
    answers.forget(sent())
    assert answers.begin(sent(), "INC-2") == Begun("INC-1")


def test_a_day_later_it_is_forgotten(database: Database) -> None:
    """Whether or not it was pruned by then."""
    answers = GivenAnswers(database, "one")
    day = round(KEPT_FOR.total_seconds() * 1000)
    for key in (KEY, KEY + "x"):
        answers.begin(sent(key), "INC-1")
        answers.keep(sent(key), DONE)
    age(database, day - 60_000)
    answers.prune()
    assert answers.begin(sent(), "INC-2") == DONE
    age(database, 60_001)
    assert answers.begin(sent(), "INC-2") == Begun("INC-2")
    answers.prune()
    assert count(database) == 1


def test_of_very_many_the_newest_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each caller; what is at work stays."""
    monkeypatch.setattr(given_answers, "MOST_OF_ONE", 3)
    answers = GivenAnswers(database, "one")
    answers.begin(sent("at-work-all-the-time"), "INC-0")
    for number in range(6):
        age(database, 10)
        answers.begin(sent(f"{KEY}-{number}"), f"INC-{number}")
        answers.keep(sent(f"{KEY}-{number}"), DONE)
    answers.begin(sent(entity="e-ben"), "INC-9")
    assert count(database) == 1 + 3 + 1
    assert answers.begin(sent(f"{KEY}-5"), "INC-9") == DONE
    assert answers.begin(sent("at-work-all-the-time"), "INC-9") == Begun("INC-0")
    assert answers.begin(sent(f"{KEY}-0"), "INC-9") == Begun("INC-9")


def test_a_large_answer_is_known_and_not_kept(database: Database) -> None:
    """So nobody fills the database; what was not to be kept is not, either."""
    answers = GivenAnswers(database, "one")
    answers.begin(sent(), "INC-1")
    answers.keep(sent(), Given(200, "text/plain", "x" * (LARGEST_CONTENT + 1)))
    assert answers.begin(sent(), "INC-1") == Given(200, "text/plain", None)


def test_the_database_knows_neither_key_nor_what_was_said(database: Database) -> None:
    """The same body under two keys is two texts: nobody finds a code by trying all of them."""
    answers = GivenAnswers(database, "one")
    for key in (KEY, KEY + "x"):
        answers.begin(sent(key, b'{"code":"123456"}'), "INC-1")
    with database.reading() as connection:
        rows = connection.execute(sa.select(GIVEN_ANSWER)).all()
    assert len({row.said for row in rows}) == 2
    assert KEY not in str(rows)
    assert "123456" not in str(rows)


@pytest.mark.parametrize(("one", "other"), [((b"ab", b"c"), (b"a", b"bc")), ((b"", b"a"), (b"a", b""))])
def test_parts_are_not_taken_for_others(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    """Where one ends and the next begins is said, too."""
    assert Sent.of("e", KEY, *one).said != Sent.of("e", KEY, *other).said
