# SPDX-License-Identifier: GPL-3.0-or-later
"""`people:`: who works with incidents over the API, besides those that an incident is about."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from breakglass.domain.people import People

from .scalars import Group, Strict


class PeopleEntry(Strict):
    """`people:`; a role that is not written has nobody in it."""

    operators: Annotated[
        list[Group],
        Field(
            min_length=1,
            description="Groups of Vault's identity whose members hold, lift, cancel, retry, close and revoke, and read everything.",
        ),
    ] = Field(default_factory=list)
    auditors: Annotated[
        list[Group],
        Field(min_length=1, description="Groups of Vault's identity whose members read everything and change nothing."),
    ] = Field(default_factory=list)


def people(entry: PeopleEntry) -> People:
    """The entry as decisions need it."""
    return People(frozenset(entry.operators), frozenset(entry.auditors))


def meaning(one: People) -> dict[str, object]:
    """What of it is part of the policy's digest; empty when nobody is named."""
    named = {"operators": sorted(one.operators), "auditors": sorted(one.auditors)}
    return {role: groups for role, groups in named.items() if groups}
