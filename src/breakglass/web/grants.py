# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/grants`: what is open now, and how it ends. `…/revoke`: the panic button, for one incident or for everything."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from pydantic import Field

from breakglass.domain.incident import State
from breakglass.open_grants import grant_shown
from breakglass.store.database import milliseconds
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operating import (
    LARGEST_BODY,
    NONE_THAT_YOU_SEE,
    NOT_FOR_YOU,
    NOT_NOW,
    WithReason,
    operating_of,
)
from breakglass.web.operations import Call, Done, Operation, Shown, operation

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident
    from breakglass.operating import Operating
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

PATH = "/api/v1/grants"
IDS = r"^([A-Za-z0-9-]{1,64}(,[A-Za-z0-9-]{1,64}){0,199})?$"


class GrantsWanted(Paging):
    """Which grants."""

    incidents: str = Field(
        "",
        pattern=IDS,
        description="Ids of at most 200 incidents, with commas between: how their grants end, whatever the state.",
    )


class GrantShown(Shown):
    """The grant of an incident."""

    incident: str = Field(description="Its id.")
    state: State = Field(description="Of the incident.")
    trigger: str = Field(description="Of the policy.")
    access: str | None = Field(description="What it opens.")
    hosts: list[str] = Field(description="On which hosts.")
    asked_by: str | None = Field(description="Who asked for it; null where an alert did.")
    accessor: str | None = Field(description="Vault's handle on it; null before it was minted.")
    expires_at: str | None = Field(description="When it dies by itself (ISO 8601, UTC).")
    over: bool = Field(description="Whether nothing of it is open any more, provenly.")
    sentence: str = Field(description="How it ends.")
    line: str = Field(description="All of it for people.")


class Ending(Shown):
    """What ends now."""

    incidents: list[str] = Field(description="Whose plays and grants end; see how at the grants.")


@dataclass(frozen=True)
class GrantPages:
    """The API.

    Attributes:
        operating: The grants.
    """

    operating: Operating

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(operating_of(runner))

    @operation(
        Operation(
            "GET",
            PATH,
            "listGrants",
            "What is open now",
            Done(HTTPStatus.OK, "The oldest first; also what is being opened or closed.", Page[GrantShown]),
            group="grants",
            query=GrantsWanted,
        )
    )
    def list(self, call: Call[GrantsWanted]) -> Page[GrantShown]:
        """Operators and auditors see all, others those of incidents that they may see."""
        named = [one for one in call.said.incidents.split(",") if one]
        found, following = part(call.said, self.operating.grants(call.person, named), _oldest_first)
        return Page(items=[GrantShown.model_validate(grant_shown(one)) for one in found], next=following)

    @operation(
        Operation(
            "POST",
            "/api/v1/incidents/{incident}/revoke",
            "revokeIncident",
            "End an incident's play and grant",
            Done(HTTPStatus.ACCEPTED, "It is durable, and told to the runner that works on it.", Ending),
            group="grants",
            body=WithReason,
            largest_body=LARGEST_BODY,
            refusals=(NONE_THAT_YOU_SEE, NOT_FOR_YOU, NOT_NOW),
        )
    )
    def revoke(self, call: Call[WithReason]) -> Ending:
        """Operators do. Nothing is held by it."""
        return Ending(incidents=self.operating.revoke(call.person, call.path("incident"), call.said.reason))

    @operation(
        Operation(
            "POST",
            "/api/v1/revoke",
            "revokeEverything",
            "Hold everything, and end every play and grant: the panic button",
            Done(HTTPStatus.ACCEPTED, "The hold is in force, and it is durable that they end.", Ending),
            group="grants",
            body=WithReason,
            largest_body=LARGEST_BODY,
            refusals=(NOT_FOR_YOU,),
        )
    )
    def revoke_all(self, call: Call[WithReason]) -> Ending:
        """Operators do. Nothing new starts until the hold is lifted."""
        return Ending(incidents=self.operating.revoke_all(call.person, call.said.reason))


def _oldest_first(incident: Incident) -> tuple[int, str]:
    return milliseconds(incident.opened_at), incident.id
