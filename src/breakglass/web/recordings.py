# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/incidents/{incident}/recording`: what the terminal of a session showed, as it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import Field
from starlette.responses import Response, StreamingResponse

from breakglass.reading import UnknownStory
from breakglass.sessions.replay import ChangedSession, NoSession, Replay
from breakglass.store.orders import NoSuchIncident
from breakglass.web.operating import NOT_FOR_YOU, operating_of
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from breakglass.operating import Operating
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

ASCIICAST: Final = "application/x-asciicast"
MOST_SESSIONS: Final = 1_000_000
AT_ONCE: Final = 65_536


class RecordingWanted(Said):
    """Which session."""

    session: Annotated[int, Field(ge=1, le=MOST_SESSIONS, strict=False)] | None = Field(
        None, description="Its number, from 1; needed where the incident has several."
    )


@dataclass(frozen=True)
class RecordingPages:
    """The API.

    Attributes:
        operating: Says who may see what.
        journal: Where the records stand.
    """

    operating: Operating
    journal: Path

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(operating_of(runner), runner.settings.journal.directory)

    @operation(
        Operation(
            "GET",
            "/api/v1/incidents/{incident}/recording",
            "showRecording",
            "What the terminal of a session showed",
            Done(
                HTTPStatus.OK,
                "An asciicast v2 file, as it was recorded: whoever plays it must drop what steers a terminal. `verified` in its first "
                "line says how far this runner trusts the record, by the keys beside its journal.",
                media=ASCIICAST,
            ),
            group="incidents",
            query=RecordingWanted,
            refusals=(
                Refusal(
                    HTTPStatus.NOT_FOUND,
                    "There is no such incident that the caller may see, or no such session of it in this runner's journal.",
                    (NoSuchIncident, UnknownStory, NoSession),
                ),
                NOT_FOR_YOU,
                Refusal(HTTPStatus.CONFLICT, "The record is not as it was written.", (ChangedSession,)),
            ),
        )
    )
    def show(self, call: Call[RecordingWanted]) -> Response:
        """Operators and auditors, who asked for the access, and who is to judge its override. Nothing in it is masked."""
        incident = self.operating.recorded(call.person, call.path("incident"))
        replay = Replay.find(self.journal, incident.id, call.said.session)
        verified = replay.verify({}, offline=True)
        return StreamingResponse(_pieces(replay.lines(verified)), media_type=ASCIICAST)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """The lines, many at once."""
    waiting, size = [], 0
    for line in lines:
        waiting.append(f"{line}\n")
        size += len(line)
        if size >= AT_ONCE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)
