# SPDX-License-Identifier: GPL-3.0-or-later
"""`approvals:`: how many people of which groups must say yes, how they are asked, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from breakglass.domain.approvals import AUTOMATIC, Quorum, Requirement

from .scalars import Count, Duration, Group, Name, Strict, choice, sentence

_NAME_OF_ONE = {"type": "string", "description": "automatic, or the name of an entry of `approvals:`."}


def _entry_name(value: object) -> object:
    if value == AUTOMATIC:
        raise sentence(f'"{AUTOMATIC}" is built in and means that nobody is asked: give this entry another name.')
    return value


def _approval(value: object) -> object:
    if not isinstance(value, str) or not value:
        raise sentence("Write `approval: automatic`, or the name of an entry of `approvals:`.")
    return value


EntryName = Annotated[Name, BeforeValidator(_entry_name)]
Approval = Annotated[Name, BeforeValidator(_approval), WithJsonSchema(_NAME_OF_ONE)]
Factor = Annotated[Literal["totp"], BeforeValidator(choice(("totp",)))]


class RequirementEntry(Strict):
    """One line of `require:`."""

    count: Count = 1
    from_groups: Annotated[
        list[Group],
        Field(
            min_length=1,
            alias="from",
            description="Groups of Vault's identity; each of these people is in one of them.",
        ),
    ]


class ApprovalEntry(Strict):
    """One entry of `approvals:`; each line of `require` is met by different people, never by who asked."""

    require: Annotated[list[RequirementEntry], Field(min_length=1, description="Every line must be met.")]
    mfa: Factor = Field(default="totp", description="The second factor, asked for at each decision.")
    notify: Annotated[list[Name], Field(min_length=1, description="Channels of the settings by which they are asked.")]
    within: Duration = Field(default=timedelta(minutes=15), description="How long they have to decide.")


def quorum(name: str, entry: ApprovalEntry) -> Quorum:
    """The entry as decisions need it."""
    lines = tuple(Requirement(line.count, tuple(sorted(set(line.from_groups)))) for line in entry.require)
    return Quorum(name, lines, tuple(entry.notify), entry.within)


def meaning(one: Quorum) -> dict[str, object]:
    """What of it is part of the policy's digest."""
    return {
        "require": [[line.count, *line.groups] for line in one.require],
        "notify": list(one.notify),
        "within": int(one.within.total_seconds()),
    }
