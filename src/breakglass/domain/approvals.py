# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must say yes before a plan is carried out, and whether enough different people have. Pure.

What holds: each line of `require` is met by people of its own; nobody counts twice, however many accounts or groups they
have; who asked never counts; a yes is for one plan digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from breakglass.domain.past_requests import Past

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTOMATIC = "automatic"
OVERRIDE = "override"


@dataclass(frozen=True)
class Requirement:
    """One line of `require`: this many people, each from one of these groups of Vault's identity."""

    count: int
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Quorum:
    """An entry of `approvals:`.

    Attributes:
        name: Unique in the policy.
        require: Every line must be met, by different people.
        notify: The channels by which they are asked.
        within: How long they have; then the incident escalates, or the request is over.
    """

    name: str
    require: tuple[Requirement, ...]
    notify: tuple[str, ...]
    within: timedelta

    @property
    def groups(self) -> frozenset[str]:
        """Every group that may have a say."""
        return frozenset(group for line in self.require for group in line.groups)


@dataclass(frozen=True)
class Asker:
    """Who asked for an access themselves.

    Attributes:
        person: Whom the admin says the entity belongs to (metadata `person`); empty where nobody has.
        entity: Id in Vault's identity store.
        name: The entity's name.
        groups: Groups of which one was needed to ask.
        reason: Why.
        ticket: Where it is tracked; may be empty.
        past: What they have asked for before, as of now; None where nobody is asked.
    """

    person: str
    entity: str
    name: str
    groups: tuple[str, ...]
    reason: str = ""
    ticket: str = ""
    past: Past | None = None


@dataclass(frozen=True)
class Overridden:
    """An approval that who asked did without.

    Attributes:
        skipped: Who should have been asked; they are told at once.
        review_within: How long others have to judge it.
    """

    skipped: Quorum
    review_within: timedelta


@dataclass(frozen=True)
class Vote:
    """One person's yes or no to one plan.

    Attributes:
        person: Whom the admin says the entity belongs to: people are counted by this.
        entity: Id in Vault's identity store.
        name: The entity's name.
        groups: Those of the quorum's groups that they were in when they said it.
        digest: Of the plan that they were shown.
        yes: Or no.
        reason: Why; may be empty for a yes.
        at: When it was said.
        preview: Digest of the preview that they were shown with the plan; empty where they say of none.
    """

    person: str
    entity: str
    name: str
    groups: tuple[str, ...]
    digest: str
    yes: bool
    reason: str
    at: datetime
    preview: str = ""


def filled(quorum: Quorum, votes: Sequence[Vote]) -> tuple[int, ...]:
    """How many of each line of `require` are met, when everybody who said yes is counted where they help most."""
    seating = _Seating(quorum, {vote.person: frozenset(vote.groups) for vote in votes if vote.yes})
    for person in seating.groups:
        seating.seat(person, set())
    taken = [seating.lines[place] for place in seating.taken]
    return tuple(taken.count(number) for number in range(len(quorum.require)))


def is_met(quorum: Quorum, votes: Sequence[Vote]) -> bool:
    """Whether every line of `require` is met by different people."""
    return all(has >= line.count for has, line in zip(filled(quorum, votes), quorum.require, strict=True))


class _Seating:
    """People on places, as many as possible: a place is one of the people that a line asks for."""

    def __init__(self, quorum: Quorum, groups: dict[str, frozenset[str]]) -> None:
        self.groups = groups
        self.lines = [number for number, line in enumerate(quorum.require) for _ in range(line.count)]
        self.taken: dict[int, str] = {}
        self._require = quorum.require

    def seat(self, person: str, tried: set[int]) -> bool:
        """Give a person a place, moving others to places that they could take as well (an augmenting path)."""
        for place, line in enumerate(self.lines):
            if place in tried or self.groups[person].isdisjoint(self._require[line].groups):
                continue
            tried.add(place)
            if place not in self.taken or self.seat(self.taken[place], tried):
                self.taken[place] = person
                return True
        return False
