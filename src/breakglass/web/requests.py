# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/requests`: asking for an access, fetching the grant, giving it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BeforeValidator, Field

from breakglass.domain.extending import Extension
from breakglass.domain.incident import State
from breakglass.domain.requests import RefusedRequest, Wish
from breakglass.offers import Offers
from breakglass.reception import fresh_id
from breakglass.requests import NoSuchRequest
from breakglass.store.database import DatabaseUnavailable, milliseconds
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, Shown, Whole, Words, as_whole, operation
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.requests import Requests, Standing
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

PATH = "/api/v1/requests"
LONGEST_TEXT = 1000
MOST_HOSTS = 1000
LONGEST_TIME_BOX = int(timedelta(days=7).total_seconds())
NONE_OF_YOURS = Refusal(HTTPStatus.NOT_FOUND, "There is no request of this id that is the caller's.", (NoSuchRequest,))
NOT_ALLOWED = Refusal(HTTPStatus.FORBIDDEN, "The policy does not allow it; why.", (RefusedRequest,))


class AccessRequest(Said):
    """What somebody asks for."""

    access: Words = Field(
        "", max_length=LONGEST_TEXT, description="Name of an access of the policy.", examples=["web-operator"]
    )
    hosts: list[Annotated[Words, Field(max_length=LONGEST_TEXT)]] = Field(
        min_length=1, max_length=MOST_HOSTS, description="Inventory names, at least one.", examples=[["web1"]]
    )
    reason: Words = Field(
        "",
        max_length=LONGEST_TEXT,
        description="Why: a sentence that an auditor understands.",
        examples=["The shop is down."],
    )
    ticket: Words = Field(
        "", max_length=LONGEST_TEXT, description="Where it is tracked; some rules need it.", examples=["OPS-4711"]
    )
    time_box_seconds: Whole = Field(
        ge=1,
        le=LONGEST_TIME_BOX,
        description="Life of the grant in seconds, from the moment it opens.",
        examples=[300],
    )
    hand_out: bool = Field(
        default=False, description="Whether the caller wants the grant itself, to use it from their own machine."
    )
    override: bool = Field(
        default=False, description="Whether to do without the approval, where the policy lets the caller."
    )


class ExtensionAsked(Said):
    """How much more time somebody asks for."""

    time_box_seconds: Annotated[int, Field(ge=1, le=LONGEST_TIME_BOX), BeforeValidator(as_whole)] | None = Field(
        default=None, description="From the moment that the extension opens; else as long as the first one."
    )
    reason: Words = Field("", max_length=LONGEST_TEXT, description="Why; else the first one's.")
    override: bool = Field(
        default=False, description="Whether to do without the approval, where the policy lets the caller."
    )


class RequestMade(Shown):
    """A request that was taken in."""

    request: str = Field(description="Its id: that of its incident.")


class HandedHost(Shown):
    """A host that a grant opens, and the way to it where that is a plain address."""

    host: str = Field(description="Inventory name.")
    address: str = Field(default="", description="Where it is reached.")
    port: int = Field(default=0, description="Of its SSH server.")


class HandedGrant(Shown):
    """A grant that was handed out."""

    wrapped: str = Field(description="Wrapping token of Vault, good once and for a minute.")
    accessor: str = Field(description="The grant's handle in Vault.")
    meta: dict[str, str] = Field(description="What Vault keeps with the grant.")
    access: str = Field(description="Name of the access.")
    time_box_seconds: int = Field(description="Life of the grant.")
    user: str = Field(description="Login on the hosts.")
    hosts: list[HandedHost] = Field(description="What it opens.")
    credentials: list[dict[str, object]] = Field(description="Of the access, as the policy has them.")
    stream: str = Field(
        description="What tells of it in the runner's journal. An SSH certificate that bears it as its key id is on the list of /krl afterwards."
    )


class Approver(Shown):
    """Somebody who has said yes."""

    person: str = Field(description="As an admin of Vault calls them.")
    groups: list[str] = Field(description="For which they count.")
    at: str = Field(description="When (ISO 8601, UTC).")


class Looking(Said):
    """How somebody looks at a request."""

    look: bool = Field(default=False, description="true: only look; a grant that is handed out goes on waiting.")


class RequestStanding(Shown):
    """How a request stands."""

    state: State = Field(description="Of its incident.")
    why: str = Field(description="What it waits for, or how it ended; may be empty.")
    access: str = Field(description="Name of the access.")
    hosts: list[str] = Field(description="Inventory names.")
    time_box_seconds: int = Field(description="Life of the grant.")
    approval: str = Field(description="Of the policy, by name; `automatic` where nobody is asked.")
    approved_by: list[Approver] = Field(description="Who has said yes so far.")
    until: str = Field(description="When the grant ends (ISO 8601, UTC); empty before it opens.")
    extended_by: str = Field(description="The request that has taken its sessions over; empty where none has.")
    grant: HandedGrant | None = Field(
        default=None, description="Only the first time after it has opened, and with hand_out."
    )


class OpenRequest(Shown):
    """A request that is not over."""

    request: str = Field(description="Its id.")
    state: State = Field(description="Of its incident.")
    why: str = Field(description="What it waits for; may be empty.")
    access: str = Field(description="Name of the access.")
    hosts: list[str] = Field(description="Inventory names.")
    handed_out: bool = Field(description="Whether the grant is used from the caller's machine.")
    until: str = Field(description="When the grant ends (ISO 8601, UTC); empty before it opens.")


@dataclass(frozen=True)
class RequestPages:
    """The API.

    Attributes:
        requests: Where requests go.
        known: What was asked for.
    """

    requests: Requests
    known: Offers

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(runner.requests, Offers(runner.in_force, runner.approvals.orders.open_incidents))

    @operation(
        Operation(
            "POST",
            PATH,
            "makeRequest",
            "Ask for an access",
            Done(HTTPStatus.ACCEPTED, "The request is durable; how it stands is asked by its id.", RequestMade),
            body=AccessRequest,
            names=fresh_id,
            refusals=(NOT_ALLOWED,),
        )
    )
    def make(self, call: Call[AccessRequest]) -> RequestMade:
        """The policy decides, and people where it says so; the grant opens when both have said yes."""
        try:
            return RequestMade(request=self.requests.make(call.person, _wish(call.said), call.name))
        except DatabaseUnavailable as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was taken in. {error}") from error

    @operation(
        Operation(
            "GET",
            PATH,
            "listRequests",
            "The caller's requests that are not over",
            Done(HTTPStatus.OK, "The newest first.", Page[OpenRequest]),
            query=Paging,
        )
    )
    def mine(self, call: Call[Paging]) -> Page[OpenRequest]:
        """What the caller has asked for, until it is over."""
        found, following = part(call.said, self.known.mine(call.person), _newest_first)
        return Page(items=[_open(one) for one in found], next=following)

    @operation(
        Operation(
            "GET",
            f"{PATH}/{{request}}",
            "showRequest",
            "How a request stands",
            Done(HTTPStatus.OK, "With the wrapped grant once, where it is handed out.", RequestStanding),
            query=Looking,
            refusals=(NONE_OF_YOURS,),
        )
    )
    def show(self, call: Call[Looking]) -> RequestStanding:
        """The state of its incident, and what it waits for."""
        only_look = call.said.look or call.request.method == "HEAD"  # whose answer would not hold the grant
        ask = self.requests.look if only_look else self.requests.standing
        return _shown(ask(call.person, call.path("request")))

    @operation(
        Operation(
            "POST",
            f"{PATH}/{{request}}/extension",
            "extendRequest",
            "Ask for more time",
            Done(HTTPStatus.ACCEPTED, "The request that extends this one is durable: a new approval.", RequestMade),
            body=ExtensionAsked,
            names=fresh_id,
            refusals=(NONE_OF_YOURS, NOT_ALLOWED),
        )
    )
    def extend(self, call: Call[ExtensionAsked]) -> RequestMade:
        """A request of its own; when its grant opens, running sessions go over to it, and the first grant is closed."""
        seconds = call.said.time_box_seconds
        box = None if seconds is None else timedelta(seconds=seconds)
        extension = Extension(box, call.said.reason, call.said.override)
        try:
            made = self.requests.extend(call.person, call.path("request"), extension, call.name)
        except DatabaseUnavailable as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was taken in. {error}") from error
        return RequestMade(request=made)

    @operation(
        Operation(
            "DELETE",
            f"{PATH}/{{request}}",
            "giveBack",
            "Give a grant back, or withdraw the request",
            Done(HTTPStatus.NO_CONTENT, "It is durable; the grant is closed and proven gone after that."),
            refusals=(NONE_OF_YOURS,),
        )
    )
    def give_back(self, call: Call[Said]) -> None:
        """May be sent again: what is over stays over."""
        self.requests.give_back(call.person, call.path("request"))


def _wish(asked: AccessRequest) -> Wish:
    return Wish(
        asked.access,
        tuple(asked.hosts),
        asked.reason,
        asked.ticket,
        timedelta(seconds=asked.time_box_seconds),
        asked.hand_out,
        asked.override,
    )


def _shown(standing: Standing) -> RequestStanding:
    incident, plan = standing.incident, standing.incident.course.plan
    shown = RequestStanding(
        state=incident.state,
        why=standing.why,
        access=plan.access if plan else "",
        hosts=list(incident.course.hosts),
        time_box_seconds=plan.time_box_seconds if plan else 0,
        approval=incident.course.approval,
        approved_by=[
            Approver(person=vote.person, groups=list(vote.groups), at=vote.at.isoformat()) for vote in incident.votes
        ],
        until=incident.until.isoformat() if incident.until else "",
        extended_by=standing.extended_by,
    )
    if standing.loan is None:
        return shown
    return shown.model_copy(update={"grant": HandedGrant.model_validate(standing.loan.to_json())})


def _newest_first(incident: Incident) -> tuple[int, str]:
    return -milliseconds(incident.opened_at), incident.id


def _open(incident: Incident) -> OpenRequest:
    plan = incident.course.plan
    return OpenRequest(
        request=incident.id,
        state=incident.state,
        why=incident.blocked,
        access=plan.access if plan else "",
        hosts=list(incident.course.hosts),
        handed_out=incident.course.hands_out,
        until=incident.until.isoformat() if incident.until else "",
    )
