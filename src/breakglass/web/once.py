# SPDX-License-Identifier: GPL-3.0-or-later
"""`Idempotency-Key`: a call that its sender repeats with the same key is answered as before, and not done again.

Which answers count: all that say something of the call. What says that the runner can't now (5xx, 429) is forgotten, so that
a repetition does it. What was cut off by a crash is begun again, under the same name; see the guide for what that means.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from breakglass.store.database import DatabaseUnavailable
from breakglass.store.given_answers import AtWork, Given, SaidOtherwise, Sent
from breakglass.web.operations import Refusal
from breakglass.web.problems import Problem, problem_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from starlette.requests import Request

    from breakglass.store.given_answers import GivenAnswers
    from breakglass.web.operations import Call

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEY: Final = "[A-Za-z0-9_.:-]{16,128}"
_SENT = re.compile(f'{KEY}|"{KEY}"', re.ASCII)
MEANING: Final = (
    "16 to 128 letters, digits and _.:- that nobody can guess, such as a random UUID; new for each thing to be done."
)
AGAIN_SECONDS: Final = 1
REFUSALS: Final = (
    Refusal(HTTPStatus.BAD_REQUEST, f"{HEADER} is not what it should be."),
    Refusal(
        HTTPStatus.CONFLICT,
        f"The first call with this {HEADER} is still at work (Retry-After), or its answer is not kept.",
    ),
    Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"This {HEADER} was sent with something else."),
)


@dataclass(frozen=True)
class Once:
    """Does each call once.

    Attributes:
        answers: Those that were given.
    """

    answers: GivenAnswers
    _at_work: set[Sent] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, call: Call[Any], body: bytes, do: Callable[[Call[Any]], Awaitable[Response]]) -> Response:
        """The answer of `do`, or that which was given before. Raises Problem, and what `do` raises."""
        key = key_of(call.request)
        if not key:
            return await do(call)
        url = call.request.url
        said = (call.request.method, url.path, url.query)
        sent = Sent.of(call.person.entity, key, *(part.encode() for part in said), body)
        with self._alone(sent):
            return await self._do(call, sent, do)

    async def _do(self, call: Call[Any], sent: Sent, do: Callable[[Call[Any]], Awaitable[Response]]) -> Response:
        known = await run_in_threadpool(self.answers.begin, sent, call.name)
        if isinstance(known, Given):
            return _again(known)
        if isinstance(known, SaidOtherwise):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"This {HEADER} was sent with something else: take a new one."
            )
        if isinstance(known, AtWork):
            raise _at_work()
        try:
            answer = await _taken(do, replace(call, name=known.name))
        except Exception:
            await self._forget(sent)
            raise
        await self._keep(sent, answer)
        return answer

    async def _keep(self, sent: Sent, answer: Response) -> None:
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            await self._forget(sent)
            return
        content = bytes(answer.body).decode()
        given = Given(answer.status_code, answer.headers.get("content-type", ""), content)
        with suppress(DatabaseUnavailable):  # it is done: that is what is answered; a repetition is begun again
            await run_in_threadpool(self.answers.keep, sent, given)

    async def _forget(self, sent: Sent) -> None:
        with suppress(DatabaseUnavailable):  # then a repetition is begun again all the same
            await run_in_threadpool(self.answers.forget, sent)

    @contextmanager
    def _alone(self, sent: Sent) -> Iterator[None]:
        """This process works on a call once at a time."""
        with self._turn:
            if any((other.entity, other.key) == (sent.entity, sent.key) for other in self._at_work):
                raise _at_work()
            self._at_work.add(sent)
        try:
            yield
        finally:
            with self._turn:
                self._at_work.discard(sent)


def key_of(request: Request) -> str:
    """The key of a call; empty where none was sent. Raises Problem."""
    given = request.headers.getlist(HEADER)
    if not given:
        return ""
    if len(given) > 1 or not _SENT.fullmatch(given[0]):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{HEADER} has {MEANING}")
    return given[0].strip('"')


async def _taken(do: Callable[[Call[Any]], Awaitable[Response]], call: Call[Any]) -> Response:
    """The answer, also where it is a refusal."""
    try:
        return await do(call)
    except Problem as problem:
        return problem_response(problem)


def _again(given: Given) -> Response:
    if given.content is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"This was done, and answered with {given.status}; its answer is not kept. Look at what it was about.",
        )
    headers = {REPLAYED: "true", **({"Content-Type": given.media} if given.media else {})}
    return Response(given.content, given.status, headers)


def _at_work() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT, "The first call with this key is still at work: ask again in a moment.", AGAIN_SECONDS
    )
