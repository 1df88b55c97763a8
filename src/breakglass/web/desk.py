# SPDX-License-Identifier: GPL-3.0-or-later
"""Where calls are taken: who calls, is it readable, then the operation, and its answer as it was declared."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from breakglass.errors import BreakglassError
from breakglass.web.body import read_body
from breakglass.web.callers import check_path
from breakglass.web.fields import read_fields
from breakglass.web.operations import JSON, NOBODY, PERSON, Call, Said, operations_of
from breakglass.web.problems import Problem
from breakglass.web.saying import read_query, said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.applications import Starlette
    from starlette.requests import Request

    from breakglass.web.callers import Callers
    from breakglass.web.once import Once
    from breakglass.web.operations import Done, Operation

    Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Desk:
    """Takes the calls of one runner.

    Attributes:
        callers: Says who calls.
        once: Does what is sent again once.
    """

    callers: Callers
    once: Once

    def serve(self, app: Starlette, pages: Iterable[object]) -> None:
        """Add a route for each path of the operations of these pages, so that its Allow names all that it can do."""
        paths: dict[str, dict[str, Endpoint]] = {}
        for operation, does in (one for page in pages for one in operations_of(page)):
            paths.setdefault(operation.path, {})[operation.method] = self._endpoint(operation, does)
        for path, by_method in paths.items():
            app.add_route(path, _by_method(by_method), methods=list(by_method))

    def _endpoint(self, operation: Operation, does: Callable[[Call[Any]], Any]) -> Endpoint:
        async def take(request: Request) -> Response:
            if operation.who.scheme != PERSON.scheme:
                return await _answer(operation, does, Call(request, NOBODY, Said()))
            check_path(request)
            person = await self.callers.person(request)
            body = await read_body(request, operation.largest_body) if operation.body else b""
            name = operation.names() if operation.names else ""
            call = Call(request, person, _said(operation, request, body), name)
            if operation.is_repeatable:
                return await self.once.answer(call, body, partial(_answer, operation, does))
            return await _answer(operation, does, call)

        return take


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    async def take(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return take


def _said(operation: Operation, request: Request, body: bytes) -> Said:
    query = read_query(operation.query, request)
    if operation.body is None:
        return query
    what = f"The body of {operation.name}"
    return said(operation.body, read_fields(body, operation.body.model_fields, what), what)


async def _answer(operation: Operation, does: Callable[[Call[Any]], Any], call: Call[Any]) -> Response:
    try:
        answer = await does(call) if inspect.iscoroutinefunction(does) else await run_in_threadpool(does, call)
    except BreakglassError as error:
        refusal = operation.refusal_for(error)
        if refusal is None:
            raise
        raise Problem(refusal.status, str(error)) from error
    return answer if isinstance(answer, Response) else _written(operation.done, answer)


def _written(done: Done, answer: Any) -> Response:
    if done.is_empty:
        return Response(status_code=done.status)
    if done.media == JSON:
        content = answer.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return JSONResponse(content, status_code=done.status)
    return Response(answer, status_code=done.status, media_type=done.media)
