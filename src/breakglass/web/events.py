# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/incidents/{incident}/events`: each step of an incident as it happens, as server-sent events (WHATWG HTML, 9.2).

The id of an event is a position in the streams of the journal; `Last-Event-ID` goes on after it, at this runner or after its
restart. Between steps nothing is held but the connection: the journal is looked at, not the database. With each heartbeat
Vault is asked again who is listening, and the policy whether they may.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from breakglass.domain.incident import State
from breakglass.errors import BreakglassError
from breakglass.incident_steps import Steps, UnreadablePosition, position_of
from breakglass.store.journal_queue import incident_directory
from breakglass.timeline import step_object
from breakglass.web.operating import NONE_THAT_YOU_SEE, operating_of
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, operation
from breakglass.web.problems import Problem
from breakglass.web.watchers import Watchers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from breakglass.domain.incident import Incident
    from breakglass.domain.requests import Person
    from breakglass.identity import Identity
    from breakglass.incident_steps import Step
    from breakglass.operating import Operating
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

LOOK_EVERY_SECONDS: Final = 0.3
HEARTBEAT_SECONDS: Final = 15.0
COME_AGAIN_AFTER_MILLISECONDS: Final = 2000
EVENTS: Final = "text/event-stream"
CLOSED: Final = "event: closed\ndata: {}\n\n"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}  # the latter for nginx, which would keep events back


@dataclass(frozen=True)
class EventPages:
    """The API.

    Attributes:
        identity: Says who listens still.
        operating: Says what they may see.
        journal: What is told.
        watchers: How many there are.
        heartbeat: Seconds between two signs of life.
    """

    identity: Identity
    operating: Operating
    journal: Path
    watchers: Watchers = field(default_factory=Watchers)
    heartbeat: float = HEARTBEAT_SECONDS

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(runner.identity, operating_of(runner), runner.settings.journal.directory)

    @operation(
        Operation(
            "GET",
            "/api/v1/incidents/{incident}/events",
            "watchIncident",
            "Each step of an incident as it happens",
            Done(
                HTTPStatus.OK,
                "Server-sent events: `data` is a JSON object with incident, at, kind, stream, name and text. The event `closed` is "
                "the last one. 204 comes instead where the incident is closed and all of it was told.",
                media=EVENTS,
            ),
            group="incidents",
            refusals=(
                NONE_THAT_YOU_SEE,
                Refusal(HTTPStatus.TOO_MANY_REQUESTS, "The caller watches too many incidents already."),
            ),
        )
    )
    async def watch(self, call: Call[Said]) -> Response:
        """Whoever may see it. `Last-Event-ID` goes on after an event; a comment comes every 15 seconds."""
        person, request = call.person, call.request
        incident = await run_in_threadpool(self.operating.incident, person, call.path("incident"))
        steps = Steps(self.journal / incident_directory(incident.id, incident.opened_at), _told(request))
        first = await run_in_threadpool(steps.new)
        if incident.state is State.CLOSED and not first and (steps.is_over or not steps.has_read):
            return Response(status_code=HTTPStatus.NO_CONTENT)  # an EventSource comes again after any other end
        if request.method == "HEAD":
            return Response(media_type=EVENTS, headers=HEADERS)
        self.watchers.enter(person.entity)
        events = self._events(call, incident, steps, first)
        return _Stream(events, lambda: self.watchers.leave(person.entity))

    async def _events(
        self, call: Call[Said], incident: Incident, steps: Steps, first: list[Step]
    ) -> AsyncIterator[str]:
        clock, is_ending = asyncio.get_running_loop(), call.request.app.state.is_ending
        yield f"retry: {COME_AGAIN_AFTER_MILLISECONDS}\n\n"
        new, asked_at = first, clock.time()
        while not is_ending():
            if clock.time() - asked_at >= self.heartbeat:  # however much there is to tell
                now = await self._seen_by(call.person, incident.id)
                if now is None:
                    return
                if not new and now.state is State.CLOSED:  # its last record is in another journal
                    yield CLOSED
                    return
                yield ": the incident is open\n\n"
                asked_at = clock.time()
            for step in new:
                yield _event(incident.id, step)
            if not new:
                if steps.is_over:
                    yield CLOSED
                    return
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            new = await run_in_threadpool(steps.new)

    async def _seen_by(self, person: Person, incident: str) -> Incident | None:
        """The incident as it is now, for who listens as they are now; None where they may not see it any more."""
        try:
            now = await run_in_threadpool(self.identity.now, person.entity)
            return await run_in_threadpool(self.operating.incident, now, incident)
        except BreakglassError:  # also where nobody can say: who comes again is told why
            return None


class _Stream(StreamingResponse):
    """A stream whose end is told, however it ends."""

    def __init__(self, content: AsyncIterator[str], over: Callable[[], None]) -> None:
        super().__init__(content, media_type=EVENTS, headers=HEADERS)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


def _told(call: Request) -> dict[str, int]:
    try:
        return position_of(call.headers.get("last-event-id", ""))
    except UnreadablePosition as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"Last-Event-ID: {error}") from None


def _event(incident: str, step: Step) -> str:
    """One event; its data is one line of ASCII, whatever an alert brought along."""
    told = {"incident": incident, **step_object(step.event, step.line)}
    position = f"id: {step.position}\n" if step.position else ""
    return f"{position}data: {json.dumps(told)}\n\n"
