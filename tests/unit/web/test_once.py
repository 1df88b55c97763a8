# SPDX-License-Identifier: GPL-3.0-or-later
"""A call that is sent again with its key: the same answer, and one deed, however it is sent."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from breakglass.domain.requests import Person
from breakglass.store.database import Database, DatabaseUnavailable
from breakglass.store.given_answers import GivenAnswers
from breakglass.web.once import Once
from breakglass.web.operations import Call, Said
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "0123456789abcdef"
ADA = Person("e-ada", "ada", frozenset())


class Deeds:
    """What was done, each with its name; answers as it is told to."""

    def __init__(self, answer: Response | Exception | None = None) -> None:
        self.done: list[str] = []
        self.answer = answer
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self, call: Call[Any]) -> Response:
        self.done.append(call.name)
        self.begun.set()
        await self.goes_on.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or JSONResponse({"thing": call.name}, status_code=202)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """One on a real file."""
    made = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    yield made
    made.close()


@pytest.fixture
def once(database: Database) -> Once:
    """Of the first process."""
    return Once(GivenAnswers(database, "first"))


def call(name: str, *keys: str, query: str = "", path: str = "/api/v1/things") -> Call[Said]:
    """One call of Ada's."""
    headers = [(b"idempotency-key", key.encode()) for key in keys]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": query.encode(), "headers": headers}
    return Call(Request(scope), ADA, Said(), name)


async def send(once: Once, deeds: Deeds, sent: Call[Said], body: bytes = b"{}") -> Response:
    """Send it."""
    return await once.answer(sent, body, deeds)


def test_a_repeated_call_is_done_once(once: Once) -> None:
    """And says that it was; with quotes or without (both are in use) it is the same key."""
    deeds = Deeds()
    first = asyncio.run(send(once, deeds, call("one", KEY)))
    for key in (KEY, f'"{KEY}"'):
        again = asyncio.run(send(once, deeds, call("two", key)))
        assert (again.status_code, again.body) == (first.status_code, first.body)
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotent-replayed"] == "true"
    assert (deeds.done, "idempotent-replayed" in first.headers) == (["one"], False)


def test_without_a_key_each_call_is_done(once: Once) -> None:
    """As it always was."""
    deeds = Deeds()
    for name in ("one", "two"):
        asyncio.run(send(once, deeds, call(name)))
    assert deeds.done == ["one", "two"]


@pytest.mark.parametrize(
    ("other", "body"),
    [(call("x", KEY), b'{"a":1}'), (call("x", KEY, query="a=1"), b"{}"), (call("x", KEY, path="/y"), b"{}")],
)
def test_a_key_is_for_one_thing(once: Once, other: Call[Said], body: bytes) -> None:
    """With another body, path or query it is refused with 422."""
    deeds = Deeds()
    asyncio.run(send(once, deeds, call("one", KEY)))
    with pytest.raises(Problem, match="take a new one") as refused:
        asyncio.run(send(once, deeds, other, body))
    assert (refused.value.status, deeds.done) == (422, ["one"])


@pytest.mark.parametrize(
    "keys", [("short",), ("x" * 129,), ("with blanks in it ",), (KEY, KEY), ("ümlaut-0123456789",), ('"' + KEY,)]
)
def test_what_is_no_key_is_refused(once: Once, keys: tuple[str, ...]) -> None:
    """With 400; nothing is done."""
    deeds = Deeds()
    with pytest.raises(Problem, match="16 to 128") as refused:
        asyncio.run(send(once, deeds, call("one", *keys)))
    assert (refused.value.status, deeds.done) == (400, [])


def test_a_call_at_work_is_not_begun_again(once: Once) -> None:
    """Who repeats is told when to come back; then they get the answer."""

    async def both() -> None:
        deeds = Deeds()
        deeds.goes_on.clear()
        first = asyncio.create_task(send(once, deeds, call("one", KEY)))
        await deeds.begun.wait()
        with pytest.raises(Problem, match="still at work") as refused:
            await send(once, deeds, call("two", KEY))
        assert (refused.value.status, refused.value.retry_after) == (409, 1)
        deeds.goes_on.set()
        answer = await first
        assert (await send(once, deeds, call("two", KEY))).body == answer.body
        assert deeds.done == ["one"]

    asyncio.run(both())


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND])
def test_a_refusal_is_an_answer_too(once: Once, status: HTTPStatus) -> None:
    """It is given again, as problem details."""
    deeds = Deeds(Problem(status, "No, since."))
    for _ in range(2):
        answer = asyncio.run(send(once, deeds, call("one", KEY)))
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert b"No, since." in bytes(answer.body)
    assert deeds.done == ["one"]


@pytest.mark.parametrize(
    "trouble",
    [
        DatabaseUnavailable("The database failed."),
        RuntimeError("a fault"),
        Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Not now."),
        Problem(HTTPStatus.TOO_MANY_REQUESTS, "Not so often."),
    ],
    ids=repr,
)
def test_trouble_is_no_answer(once: Once, trouble: Exception) -> None:
    """What says that it can't be done now is not given again: a repetition does it, under the same name."""
    deeds = Deeds(trouble)
    if isinstance(trouble, Problem):
        assert asyncio.run(send(once, deeds, call("one", KEY))).status_code == trouble.status
    else:
        with pytest.raises(type(trouble)):
            asyncio.run(send(once, deeds, call("one", KEY)))
    deeds.answer = None
    assert asyncio.run(send(once, deeds, call("two", KEY))).status_code == 202
    assert deeds.done == ["one", "one"]


def test_what_was_cut_off_is_done_under_its_first_name(once: Once, database: Database) -> None:
    """By this process, or by one that comes after it."""

    async def cut_off() -> None:
        deeds = Deeds()
        deeds.goes_on.clear()
        task = asyncio.create_task(send(once, deeds, call("one", KEY)))
        await deeds.begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for process in (once, Once(GivenAnswers(database, "second"))):
        asyncio.run(cut_off())
        deeds = Deeds()
        asyncio.run(send(process, deeds, call("two", KEY)))
        assert deeds.done == ["one"]
        with database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM given_answer")


def test_an_answer_without_content_stays_one(once: Once) -> None:
    """204, and no media type."""
    deeds = Deeds(Response(status_code=204))
    for _ in range(2):
        answer = asyncio.run(send(once, deeds, call("one", KEY)))
        assert (answer.status_code, bytes(answer.body), "content-type" in answer.headers) == (204, b"", False)
