# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: who is it, how much is it, what does it say; and 202 only when it is durable."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from breakglass.domain.senders import Refusal
from breakglass.errors import BreakglassError
from breakglass.sources import PARSERS, Delivery, UnreadableMessage
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.inbox import Reached
from breakglass.store.senders import Senders, refused_note
from breakglass.web.body import CutOff, read_body
from breakglass.web.operations import Call, Done, Operation, Said, Shown, Who, operation
from breakglass.web.operations import Refusal as Refused
from breakglass.web.peers import peer_names
from breakglass.web.problems import Problem
from breakglass.web.senders import refusal_of_body, refusal_of_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import Request

    from breakglass.reception import Reception
    from breakglass.runner import Runner
    from breakglass.settings_sources import SourceSettings
    from breakglass.sources import Message
    from breakglass.store.journal_queue import JournalQueue
    from breakglass.web.metrics import Metrics


LESS = "Send fewer alerts at once, or raise maximum_body."
PATIENCE_SECONDS, PATIENCE_IN_A_STORM_SECONDS = 1.0, 0.1
"""How long a message that has come waits for its turn. In a storm a sender is told soon to come again, so that others are heard."""
STORM = 4
"""More messages at once are one."""
UNKNOWN = "unknown"
"""What a source is called that the settings don't have: its name is text of anybody."""
SENDER = Who(
    "The sender of the source, known by what the settings ask of it: a token, a signature, a certificate.", "sender"
)


class AlertTaken(Shown):
    """What became of an alert."""

    incident: str | None = Field(description="The incident that it opened or reached; null where it reached none.")
    reached: Reached = Field(description="What it did.")


class MessageTaken(Shown):
    """A message that was taken in."""

    alerts: list[AlertTaken] = Field(description="In the order of the message.")


@dataclass
class _Visit:
    """One request: what a refusal would say of who made it, as far as it has come."""

    refusal: Refusal = Refusal.UNPROVEN


@dataclass
class _Crowd:
    """How many messages are here at once; touched by the event loop alone."""

    size: int = 0

    @contextmanager
    def joined(self) -> Iterator[float]:
        """For as long as a message is here: until when (monotonic clock) it waits for its turn."""
        self.size += 1
        try:
            yield time.monotonic() + (PATIENCE_IN_A_STORM_SECONDS if self.size > STORM else PATIENCE_SECONDS)
        finally:
            self.size -= 1


@dataclass(frozen=True)
class Webhooks:
    """Takes webhooks of the configured sources.

    Attributes:
        sources: By name, as the settings say.
        maximum_body: In bytes.
        reception: Where a message goes.
        queue: Where refusals of who is no source are recorded.
        senders: Where those of sources are.
        metrics: Where messages are counted.
        crowd: Those that are here at once.
    """

    sources: Mapping[str, SourceSettings]
    maximum_body: int
    reception: Reception
    queue: JournalQueue
    senders: Senders
    metrics: Metrics
    crowd: _Crowd = field(default_factory=_Crowd)

    @classmethod
    def of(cls, runner: Runner, metrics: Metrics) -> Self:
        """Those of a runner."""
        settings, senders = runner.settings, Senders(runner.database)
        return cls(settings.sources, settings.maximum_body, runner.reception, runner.queue, senders, metrics)

    @operation(
        Operation(
            "POST",
            "/webhooks/{source}",
            "sendAlerts",
            "Send alerts",
            Done(HTTPStatus.ACCEPTED, "Every alert is durable.", MessageTaken),
            who=SENDER,
            group="webhooks",
            reads_itself=True,
            refusals=(
                Refused(HTTPStatus.NOT_FOUND, "The settings have no source of this name."),
                Refused(HTTPStatus.UNAUTHORIZED, "The message does not come from the sender of this source."),
            ),
        )
    )
    async def receive(self, call: Call[Said]) -> MessageTaken:
        """The body is what the kind of the source sends; every refusal is counted and recorded without its body."""
        request = call.request
        name, visit = request.path_params["source"], _Visit()
        try:
            answer = await self._take(name, request, visit)
        except Problem as problem:
            known = name if name in self.sources else None
            self.metrics.messages.labels(source=known or UNKNOWN, answer=str(int(problem.status))).inc()
            if problem.status is not HTTPStatus.SERVICE_UNAVAILABLE:
                refusal = Refusal.CUT_OFF if isinstance(problem, CutOff) else visit.refusal
                await run_in_threadpool(self._record_refusal, known, problem, refusal)
            raise
        self.metrics.messages.labels(source=name, answer="202").inc()
        return answer

    async def _take(self, name: str, request: Request, visit: _Visit) -> MessageTaken:
        source = self.sources.get(name)
        if source is None:
            raise Problem(HTTPStatus.NOT_FOUND, "There is no source of this name; the settings name the sources.")
        headers = _headers(request)
        await _refuse_unless_proven(refusal_of_headers, source, headers, peer_names(request.scope))
        if source.hmac is None:
            visit.refusal = Refusal.REJECTED
        body = await read_body(request, self.maximum_body, LESS)
        with self.crowd.joined() as until:
            await _refuse_unless_proven(refusal_of_body, source, headers, body, datetime.now(UTC))
            visit.refusal = Refusal.REJECTED
            message = _read(source, Delivery(name, body, headers, headers_unproven=source.hmac is not None))
            try:
                accepted = await run_in_threadpool(self.reception.take, message, name, until)
            except DatabaseUnavailable as error:
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was taken in. {error}") from error
        for one in accepted:
            self.metrics.alerts.labels(source=name, reached=one.reached.value).inc()
        return MessageTaken(alerts=[AlertTaken(incident=one.incident or None, reached=one.reached) for one in accepted])

    def _record_refusal(self, source: str | None, problem: Problem, refusal: Refusal) -> None:
        try:
            if source is None:
                self.queue.add_to_day([refused_note(UNKNOWN, int(problem.status), problem.detail)])
            else:
                self.senders.refused(source, int(problem.status), problem.detail, refusal)
        except BreakglassError:
            self.metrics.unrecorded_refusals.inc()


async def _refuse_unless_proven(refusal: Callable[..., str], *of_what: object) -> None:
    """Raise a Problem when there is a reason to refuse the sender, or when nobody can say."""
    try:
        why = await run_in_threadpool(refusal, *of_what)
    except BreakglassError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"The sender can't be checked: {error}") from error
    if why:
        raise Problem(HTTPStatus.UNAUTHORIZED, why)


def _headers(request: Request) -> dict[str, str]:
    """Names in lower case; what comes twice is joined as RFC 9110 says, so that nobody sees another value than we do."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    return headers


def _read(source: SourceSettings, delivery: Delivery) -> Message:
    fields = source.fields.paths() if source.fields else None
    try:
        return PARSERS[source.kind](replace(delivery, fields=fields))
    except UnreadableMessage as error:
        raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from error
