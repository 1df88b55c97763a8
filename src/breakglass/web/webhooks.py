# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: who is it, how much is it, what does it say; and 202 only when it is durable."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from breakglass.domain.draft import Note
from breakglass.errors import BreakglassError
from breakglass.settings import read_secret_file
from breakglass.sources import PARSERS, UnreadableMessage
from breakglass.store.database import DatabaseUnavailable
from breakglass.web.body import read_body
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from breakglass.reception import Reception
    from breakglass.settings import SourceSettings
    from breakglass.sources import Message
    from breakglass.store.journal_queue import JournalQueue
    from breakglass.web.metrics import Metrics


LESS = "Send fewer alerts at once, or raise maximum_body."


@dataclass(frozen=True)
class Webhooks:
    """Takes webhooks of the configured sources.

    Attributes:
        sources: By name, as the settings say.
        maximum_body: In bytes.
        reception: Where a message goes.
        queue: Where refusals are recorded.
        metrics: Where messages are counted.
    """

    sources: Mapping[str, SourceSettings]
    maximum_body: int
    reception: Reception
    queue: JournalQueue
    metrics: Metrics

    async def receive(self, request: Request) -> Response:
        """Answer one webhook; every refusal is counted and recorded without its body."""
        name = request.path_params["source"]
        try:
            answer = await self._take(name, request)
        except Problem as problem:
            known = name if name in self.sources else "unknown"
            self.metrics.messages.labels(source=known, answer=str(int(problem.status))).inc()
            if problem.status is not HTTPStatus.SERVICE_UNAVAILABLE:
                await run_in_threadpool(self._record_refusal, known, problem)
            raise
        self.metrics.messages.labels(source=name, answer="202").inc()
        return answer

    async def _take(self, name: str, request: Request) -> Response:
        source = self.sources.get(name)
        if source is None:
            raise Problem(HTTPStatus.NOT_FOUND, "There is no source of this name; the settings name the sources.")
        await run_in_threadpool(self._authenticate, source, request.headers.get("authorization", ""))
        message = self._read(source.kind, name, await read_body(request, self.maximum_body, LESS))
        try:
            accepted = await run_in_threadpool(self.reception.take, message)
        except DatabaseUnavailable as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was taken in. {error}") from error
        if message.truncated:
            note = Note("sender.truncated", {"source": name, "alerts_left_out": message.truncated})
            await run_in_threadpool(self.queue.add_to_day, [note])
        for one in accepted:
            self.metrics.alerts.labels(source=name, reached=one.reached.value).inc()
        alerts = [{"incident": one.incident or None, "reached": one.reached.value} for one in accepted]
        return JSONResponse({"alerts": alerts}, status_code=HTTPStatus.ACCEPTED)

    def _authenticate(self, source: SourceSettings, header: str) -> None:
        """Compare with each token of the source, in constant time; the files are read anew, so that they can rotate."""
        scheme, _, given = header.partition(" ")
        try:
            tokens = [read_secret_file(path) for path in source.bearer_token_files]
        except BreakglassError as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"The sender can't be checked: {error}") from error
        matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens]
        if scheme.lower() != "bearer" or not any(matches):
            raise Problem(HTTPStatus.UNAUTHORIZED, "The bearer token is missing or not one of this source's tokens.")

    def _read(self, kind: str, name: str, body: bytes) -> Message:
        try:
            return PARSERS[kind](body, name)
        except UnreadableMessage as error:
            raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _record_refusal(self, source: str, problem: Problem) -> None:
        note = Note("sender.refused", {"source": source, "status": int(problem.status), "why": problem.detail})
        try:
            self.queue.add_to_day([note])
        except BreakglassError:
            self.metrics.unrecorded_refusals.inc()
