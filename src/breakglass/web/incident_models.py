# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents as the API shows them: in a list, and with all that there is to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from breakglass.domain.incident import Result, State
from breakglass.ordering import incident_line, incident_object
from breakglass.web.operations import Shown

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident


class FaultShown(Shown):
    """An alert of an incident as last heard of."""

    name: str
    firing: bool


class IncidentShown(Shown):
    """An incident as the list has it."""

    id: str = Field(description="INC-…")
    state: State = Field(description="Where it stands.")
    result: Result | None = Field(description="How it ended; null before that is clear.")
    trigger: str = Field(description="Of the policy; of one of the runner's own, its alert.")
    owner: str = Field(description="The team of the trigger; of a request, who asked.")
    hosts: list[str] = Field(description="Of its plan.")
    alerts: list[FaultShown] = Field(description="What it is about.")
    opened_at: str = Field(description="ISO 8601, UTC, as all moments here.")
    since: str = Field(description="When the present state was entered.")
    own: bool = Field(description="Whether the runner tells of itself.")
    waits_for: str | None = Field(description="What it waits for.")
    attempts: int = Field(description="Tries at the repair.")
    grant_open: bool = Field(description="Whether a grant is open that is not proven gone.")
    escalated_because: str | None = Field(description="Why people were called.")
    acknowledged_by: str | None = Field(description="Who has said that they know.")
    cancelled_by: str | None = Field(description="Who has said that it shall stop.")
    line: str = Field(description="All of it for people.")


class ApprovalShown(Shown):
    """A yes."""

    at: str
    by: str
    policy_line: str


class AttemptShown(Shown):
    """A play that ended."""

    at: str
    outcome: str
    why: str


class GrantOnPage(Shown):
    """A grant that was opened for it."""

    accessor: str
    opened_at: str
    expires_at: str
    proven_gone_at: str | None
    remains: str


class CredentialShown(Shown):
    """What was obtained under a grant, and its end."""

    what: str
    kind: str
    end: str


class ChangeShown(Shown):
    """A task that changed a host."""

    host: str
    task: str


class FailureShown(Shown):
    """A task that failed."""

    host: str
    task: str
    why: str


class ToldShown(Shown):
    """Who was told, or not."""

    at: str
    what: str


class IncidentPage(Shown):
    """All that there is to tell of an incident: what `breakglass show` prints."""

    id: str = Field(description="INC-…")
    state: State = Field(description="Where it stands.")
    how: str = Field(description="The result, or who has acknowledged; may be empty.")
    waits_for: str | None = Field(description="What it needs to go on, with the commands that help.")
    trigger: str
    hosts: list[str]
    access: str | None
    opened_at: str
    last_record_at: str
    facts: dict[str, str] = Field(description="Who, what, why.")
    parameters: dict[str, str] = Field(description="Of the plan.")
    approvals: list[ApprovalShown]
    attempts: list[AttemptShown]
    grants: list[GrantOnPage]
    credentials: list[CredentialShown]
    changes: list[ChangeShown]
    failures: list[FailureShown]
    unknown: list[str] = Field(description="What has an outcome that nobody knows.")
    refused: list[str]
    people: list[ToldShown] = Field(description="Whom it was told to, and whom not.")
    streams: dict[str, int] = Field(description="Of the journal: how many records each has.")
    lines: list[str] = Field(description="The page for people, line by line.")
    troubles: list[str] = Field(description="What of the journal could not be read.")
    now: IncidentShown = Field(description="As the list has it.")


class OrderTaken(Shown):
    """An order that is durable."""

    before: IncidentShown = Field(description="The incident as it was.")


def shown(incident: Incident) -> IncidentShown:
    """One incident as the list has it."""
    return IncidentShown.model_validate({**incident_object(incident), "line": incident_line(incident)})
