# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy language. Every key that is not here is a typo; what is planned but not built is refused by name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from .approvals import Approval, ApprovalEntry, EntryName  # noqa: TC001 (pydantic reads the annotation)
from .behaviour import FullName, StatedBehaviour  # noqa: TC001 (pydantic reads the annotation)
from .cases import Cases, label
from .credentials import CredentialEntry, Credentials
from .drills import DrillEntries  # noqa: TC001 (pydantic reads the annotation)
from .maintenance import MaintenanceEntries  # noqa: TC001 (pydantic reads the annotation)
from .people import PeopleEntry
from .requests import RequestEntries  # noqa: TC001 (pydantic reads the annotation)
from .scalars import (
    Count,
    Duration,
    Flag,
    Group,
    MaybeCount,
    MaybeDuration,
    MaybeEmptyList,
    MaybeEmptyMapping,
    MaybeName,
    MaybeShare,
    MaybeWait,
    MaybeWebAddress,
    MaybeWords,
    Name,
    Strict,
    Words,
    choice,
    sentence,
)

_SCALAR_SCHEMA = {"type": ["string", "number", "boolean"]}


def _version(value: object) -> object:
    if value != "1":
        raise sentence("This breakglass reads version 1 of the policy language: write `version: 1`.")
    return 1


def _one_or_more(value: object) -> object:
    """Read a text, or a list of texts, as a list."""
    values = [value] if isinstance(value, str) else value
    if values == []:
        raise sentence("The list is empty, so this can never match. Write the values, or take the line out.")
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise sentence("Write a text, or a list of texts.")
    return values


def _hosts(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
        return value
    raise sentence('Write a host, a list of hosts, or an expression such as "{{ alert.labels.instance }}".')


Label = Annotated[str, AfterValidator(label)]
Values = Annotated[
    list[str],
    BeforeValidator(_one_or_more),
    WithJsonSchema({"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": _SCALAR_SCHEMA, "minItems": 1}]}),
]
Hosts = Annotated[
    str | list[str],
    BeforeValidator(_hosts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
ModeWord = Annotated[Literal["observe", "act"] | None, BeforeValidator(choice(("observe", "act")))]
Required = Annotated[Literal["required"] | None, BeforeValidator(choice(("required",)))]
Version = Annotated[Literal[1], BeforeValidator(_version)]


class StormEntry(Strict):
    """`storm:`; more incidents of the trigger than this within this time hold it, and tell people once."""

    incidents: Count
    within: Duration


class LimitsEntry(Strict):
    """`limits:` of a trigger or of the defaults; a line that is not written comes from the next outer place."""

    firing_for: MaybeWait = None
    attempts: MaybeCount = None
    cooldown: MaybeWait = None
    repairs_per_day: MaybeCount = None
    hosts_at_once: MaybeCount = None
    group_share: MaybeShare = None
    storm: StormEntry | None = None


class ProbeEntry(Strict):
    """`probe:`; every series of the answer with the alert's own labels must be other than zero, and there must be one."""

    query: Words = Field(description='PromQL, for example probe_success{job="shop"}. Nothing of an alert gets into it.')
    labels: Annotated[list[Label], Field(min_length=1, description="Labels that alert and series must share.")] = Field(
        default_factory=lambda: ["instance"]
    )


class VerificationEntry(Strict):
    """`verification:`; the role's own check always comes first."""

    alert_resolves_within: MaybeDuration = None
    probe: ProbeEntry | None = None


class DefaultsEntry(Strict):
    """`defaults:`; a trigger may override any line."""

    mode: ModeWord = None
    time_box: MaybeDuration = None
    escalation: MaybeName = None
    verification: Annotated[VerificationEntry, MaybeEmptyMapping] = VerificationEntry()
    limits: Annotated[LimitsEntry, MaybeEmptyMapping] = LimitsEntry()


class AccessEntry(Strict):
    """One entry of `access:`: what a grant may open, never more."""

    hosts: Annotated[list[Group], Field(min_length=1, description="Inventory groups: the outer bound.")]
    credentials: Annotated[Credentials, MaybeEmptyList] = Field(default_factory=lambda: [CredentialEntry(kind="ssh")])
    max_time_box: Duration | None = None
    ticket: Required = None
    hand_out: Flag = Field(
        default=False, description="true: who asked for it may take its credentials to their own machine."
    )


class TriggerEntry(Strict):
    """One item of `triggers:`."""

    name: Name = Field(description="Give the trigger a name of its own.")
    owner: MaybeWords = None
    match: Annotated[dict[Label, Values], MaybeEmptyMapping] = Field(default_factory=dict)
    when: MaybeWords = None
    hosts: Hosts = "{{ alert.labels.instance }}"
    access: Name = Field(description="Name an entry of `access:`.")
    approval: Approval = Field(description="Say who approves; `approval: automatic` means nobody is asked.")
    remediation: Words = Field(description="Name the role that repairs this fault.")
    parameters: Annotated[dict[str, object], MaybeEmptyMapping] = Field(default_factory=dict)
    time_box: MaybeDuration = None
    limits: Annotated[LimitsEntry, MaybeEmptyMapping] = LimitsEntry()
    verification: Annotated[VerificationEntry, MaybeEmptyMapping] = VerificationEntry()
    escalation: MaybeName = None
    mode: ModeWord = None
    runbook: MaybeWebAddress = Field(
        default=None, description="Where it is written what people do; the message that calls them names it."
    )
    preview: MaybeName = Field(
        default=None,
        description="A lesser access, granted automatically: those who approve see what would change (check mode).",
    )


class RungEntry(Strict):
    """One item of a ladder in `escalations:`."""

    notify: Annotated[list[Name], Field(min_length=1, description="Name channels of the settings.")]
    acknowledge_within: MaybeDuration = None


class PolicyDocument(Strict):
    """A whole policy: one file, or several merged."""

    version: Version = Field(description="Write `version: 1`.")
    defaults: Annotated[DefaultsEntry, MaybeEmptyMapping] = DefaultsEntry()
    access: Annotated[dict[Name, AccessEntry], MaybeEmptyMapping] = Field(default_factory=dict)
    triggers: Annotated[list[TriggerEntry], MaybeEmptyList] = Field(default_factory=list)
    escalations: Annotated[dict[Name, Annotated[list[RungEntry], Field(min_length=1)]], MaybeEmptyMapping] = Field(
        default_factory=dict
    )
    remediations: Annotated[dict[FullName, StatedBehaviour], MaybeEmptyMapping] = Field(default_factory=dict)
    approvals: Annotated[dict[EntryName, ApprovalEntry], MaybeEmptyMapping] = Field(default_factory=dict)
    requests: Annotated[RequestEntries, MaybeEmptyList] = Field(default_factory=list)
    people: Annotated[PeopleEntry, MaybeEmptyMapping] = PeopleEntry()
    maintenance: Annotated[MaintenanceEntries, MaybeEmptyList] = Field(default_factory=list)
    drills: Annotated[DrillEntries, MaybeEmptyList] = Field(default_factory=list)
    tests: Annotated[Cases, MaybeEmptyList] = Field(default_factory=list)
