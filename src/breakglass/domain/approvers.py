# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an approval can be given at all: by the people who are in its groups now, and without who asks. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.approvals import Vote
from breakglass.domain.voting import still_needed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from breakglass.domain.approvals import Quorum

NOBODY = "nobody"
_ANYTIME = datetime.fromtimestamp(0, UTC)

Voters = dict[str, frozenset[str]]
"""Person to those of their groups by whose members may be approved."""


@dataclass(frozen=True)
class Member:
    """An entity that is in a group.

    Attributes:
        name: Of the entity.
        person: Whom an admin says that it belongs to; empty where nobody has.
        group: Name of the group.
    """

    name: str
    person: str
    group: str


def voters_of(members: Iterable[Member], factors: Collection[str]) -> Voters:
    """Those of the members who can say yes: somebody says who they are, and they have a second factor."""
    found: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for member in members:
        if member.person and member.person in factors:
            found[member.person] |= {member.group}
    return dict(found)


def lacking(quorum: Quorum, voters: Mapping[str, frozenset[str]], asker: str = "") -> str:
    """Who would still be missing if everybody but who asks said yes, in words; empty if nobody would."""
    votes = [
        Vote(person, "", person, tuple(sorted(groups & quorum.groups)), "", True, "", _ANYTIME)
        for person, groups in voters.items()
        if person != asker
    ]
    missing = still_needed(quorum, votes)
    return "" if missing == NOBODY else missing
