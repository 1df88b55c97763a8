# SPDX-License-Identifier: GPL-3.0-or-later
"""The approvals of the policy: whether the people who are in their groups now could give them tonight, also without who asks.

Who is in a group is the admin's to say, and nobody notices that it is nobody until a question waits for fifteen minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import POLICY, SESSION
from breakglass.doctor.members import group_named, is_external, members_of, people_with_factor
from breakglass.domain.approvers import Member, lacking, voters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.doctor.known import Known
    from breakglass.domain.approvals import Quorum
    from breakglass.domain.approvers import Voters
    from breakglass.domain.rules import Policy

ABOUT = "approvals"


@dataclass(frozen=True)
class People:
    """Who is in the groups of the policy.

    Attributes:
        members: By group; a group that Vault does not have is not there.
        external: Groups whose members a directory knows.
        factors: Who has a second factor.
    """

    members: dict[str, list[Member]]
    external: frozenset[str]
    factors: frozenset[str]

    def voters(self, quorum: Quorum) -> Voters:
        """Who can say yes to its questions."""
        return voters_of((one for group in quorum.groups for one in self.members.get(group, ())), self.factors)


def look(known: Known) -> Iterator[Finding]:
    """A line for each group, person and approval with which something is wrong; one for each approval that can be given."""
    policy = known[POLICY]
    if not policy.groups:
        return
    try:
        people = _read(known[SESSION], policy)
    except DeniedByVault:
        says = (
            "whether they can be given: the login may not read groups and second factors. Bring its policy up to date: "
        )
        yield unknown(ABOUT, f"{says}breakglass vault apply")
        return
    yield from _groups(policy, people)
    yield from _members(policy, people)
    for quorum in policy.approvals.values():
        yield from _quorum(policy, quorum, people)


def _read(client: Client, policy: Policy) -> People:
    found = {name: group for name in sorted(policy.groups) if (group := group_named(client, name)) is not None}
    return People(
        {name: members_of(client, name, group) for name, group in found.items()},
        frozenset(name for name, group in found.items() if is_external(group)),
        people_with_factor(client),
    )


def _groups(policy: Policy, people: People) -> Iterator[Finding]:
    for name in sorted(policy.groups - people.members.keys()):
        yield wrong(ABOUT, f"Vault has no group {name}, which the policy names. Make it: breakglass vault apply")


def _members(policy: Policy, people: People) -> Iterator[Finding]:
    """Those who are in a group that approves, and could not."""
    approving = frozenset().union(*(quorum.groups for quorum in policy.approvals.values()))
    without: dict[str, list[str]] = {}
    for member in (one for group in sorted(approving) for one in people.members.get(group, ())):
        if not member.person:
            why = f"{member.name} can't approve: an admin says whose entity that is (its metadata `person`)"
        elif member.person not in people.factors:
            why = f"{member.person} can't approve without a second factor: breakglass vault enrol {member.person}"
        else:
            continue
        without.setdefault(why, []).append(member.group)
    yield from (wrong(ABOUT, f"{why}; of {', '.join(groups)}") for why, groups in without.items())


def _quorum(policy: Policy, quorum: Quorum, people: People) -> Iterator[Finding]:
    about, voters = f"approval {quorum.name}", people.voters(quorum)
    if left := lacking(quorum, voters):
        able = ", ".join(sorted(voters)) or "nobody"
        yield _stuck(
            about, f"nobody can give it: if all said yes who can ({able}), it would still need {left}", quorum, people
        )
        return
    stuck = list(_stuck_for(policy, quorum, people, voters))
    yield from (_stuck(about, sentence, quorum, people) for sentence in stuck)
    if not stuck:
        yield ok(about, f"can be given: {', '.join(sorted(voters))}")


def _stuck_for(policy: Policy, quorum: Quorum, people: People, voters: Voters) -> Iterator[str]:
    """Nobody approves themselves: where who asks is one of the few who could."""
    for rule in (one for one in policy.requests if one.approval == quorum.name):
        asking = {one.person for group in rule.who for one in people.members.get(group, ())}
        for person in sorted(asking & voters.keys()):
            if left := lacking(quorum, voters, person):
                yield f"nobody can give it when {person} asks ({rule.name}): without {person} it would still need {left}"


def _stuck(about: str, sentence: str, quorum: Quorum, people: People) -> Finding:
    external: Sequence[str] = sorted(quorum.groups & people.external)
    if not external:
        return wrong(about, f"{sentence}. An admin puts people into these groups")
    return unknown(
        about, f"{sentence}; but a directory says who is in {', '.join(external)}, which Vault learns as they log in"
    )
