# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/incidents`: which there are, how one stands and what happened in it, and what people say to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field

from breakglass.domain.closing import Closing
from breakglass.domain.incident import State
from breakglass.domain.orders import LONGEST_REASON, Word
from breakglass.incident_pages import page_of
from breakglass.ordering import UnusableOrder, incident_line, reason_for
from breakglass.reading import Troubles
from breakglass.report.incident_page import page_lines, page_object
from breakglass.store.listing import OPEN, Position
from breakglass.web.incident_models import IncidentPage, IncidentShown, OrderTaken, shown
from breakglass.web.listing import Page, Paging, cursor, read_cursor
from breakglass.web.operating import LARGEST_BODY, NONE_THAT_YOU_SEE, NOT_FOR_YOU, NOT_NOW, operating_of
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, operation
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from breakglass.operating import Operating
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

PATH: Final = "/api/v1/incidents"
ALL: Final = "all"
ANY_OPEN: Final = "open"
LATEST_MILLISECOND: Final = 2**53


class IncidentsWanted(Paging):
    """Which incidents."""

    state: State | Literal["open", "all"] = Field(
        ANY_OPEN, description="One state; open: every one but closed; all: closed ones too."
    )


class PageWanted(Said):
    """How much of an incident's page."""

    tasks: Literal["changes", "all"] = Field(
        "changes", description="Of the plays' tasks in `lines`: those that changed or broke something, or all."
    )


class OrderSaid(Said):
    """What a person says to an incident."""

    word: Literal["acknowledge", "cancel", "close", "retry"] = Field(
        description="acknowledge: I know. cancel: stop it. close: I have dealt with it. retry: once more."
    )
    reason: str = Field("", max_length=LONGEST_REASON, description="Why; only an acknowledgement needs none.")
    verdict: Closing | None = Field(
        None,
        strict=False,
        description="What it was, of a closing: repaired by people, a false alarm, or accepted as it is.",
    )


@dataclass(frozen=True)
class IncidentPages:
    """The API.

    Attributes:
        operating: The incidents.
        journal: Where their records stand.
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
            PATH,
            "listIncidents",
            "Incidents, the newest first",
            Done(
                HTTPStatus.OK, "A page may hold fewer than `limit` although there is a next one.", Page[IncidentShown]
            ),
            group="incidents",
            query=IncidentsWanted,
        )
    )
    def list(self, call: Call[IncidentsWanted]) -> Page[IncidentShown]:
        """Operators and auditors see all; others what they asked for, may approve, or are to judge."""
        wanted = call.said
        found, after = self.operating.listed(call.person, wanted.limit, _states(wanted.state), _position(wanted.after))
        following = cursor((after.opened_at, after.incident)) if after else None
        return Page(items=[shown(one) for one in found], next=following)

    @operation(
        Operation(
            "GET",
            f"{PATH}/{{incident}}",
            "showIncident",
            "All that there is to tell of one",
            Done(HTTPStatus.OK, "As it stands now.", IncidentPage),
            group="incidents",
            query=PageWanted,
            refusals=(NONE_THAT_YOU_SEE,),
        )
    )
    def show(self, call: Call[PageWanted]) -> IncidentPage:
        """What happened comes from this runner's journal, how it stands from the database of all runners."""
        incident, troubles = self.operating.incident(call.person, call.path("incident")), Troubles()
        page = page_of(self.journal, incident, datetime.now(UTC), troubles)
        lines = page_lines(page.case, page.events, page.standing, every_task=call.said.tasks == ALL)
        more = {"lines": list(lines) if page.events else [incident_line(incident)], "troubles": troubles.sentences}
        return IncidentPage.model_validate({**page_object(page.case, page.standing), **more, "now": shown(incident)})

    @operation(
        Operation(
            "POST",
            f"{PATH}/{{incident}}/orders",
            "orderIncident",
            "Say a word to one",
            Done(HTTPStatus.ACCEPTED, "It is durable; what it comes to is seen at the incident.", OrderTaken),
            group="incidents",
            body=OrderSaid,
            largest_body=LARGEST_BODY,
            refusals=(
                NONE_THAT_YOU_SEE,
                NOT_FOR_YOU,
                NOT_NOW,
                Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "Its reason is missing, or the verdict is not that of a closing.",
                    (UnusableOrder,),
                ),
            ),
        )
    )
    def order(self, call: Call[OrderSaid]) -> OrderTaken:
        """Operators say all words; who asked for it, cancel; who may approve it, acknowledge."""
        word, verdict = Word(call.said.word), call.said.verdict
        reason = reason_for(word, call.said.reason, verdict)
        before = self.operating.say(call.person, call.path("incident"), word, reason, verdict)
        return OrderTaken(before=shown(before))


def _states(wanted: State | str) -> Collection[State]:
    if isinstance(wanted, State):
        return {wanted}
    return OPEN if wanted == ANY_OPEN else frozenset(State)


def _position(after: str) -> Position | None:
    match read_cursor(after):
        case None:
            return None
        case (int(at), str(incident)) if 0 <= at <= LATEST_MILLISECOND and incident.isprintable():
            return Position(at, incident)
    raise Problem(HTTPStatus.BAD_REQUEST, "after is no cursor of this list: send what `next` of the page before said.")
