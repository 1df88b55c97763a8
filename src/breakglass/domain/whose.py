# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose something is: the one place that says whether two entities of Vault are one person, and whose a request is. Pure.

People have several entities, one for each way to log in; they are one person where an admin says so (metadata `person`).
Two entities of whom nobody says whose they are have that both empty, and are two people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident


class Somebody(Protocol):
    """An entity of Vault, and whom an admin says it belongs to; `person` is empty where nobody has."""

    @property
    def entity(self) -> str:
        """Its id."""

    @property
    def person(self) -> str:
        """Whose it is."""


def is_same_person(one: Somebody, other: Somebody) -> bool:
    """Whether both are one person: nobody approves, judges or counts twice by another account of theirs."""
    return one.entity == other.entity or (bool(one.person) and one.person == other.person)


def has_asked(who: Somebody, incident: Incident) -> bool:
    """Whether they asked for it themselves, by this account of theirs or by another one."""
    asker = incident.course.asked_by
    return asker is not None and is_same_person(asker, who)


def has_asked_by_this_account(who: Somebody, incident: Incident) -> bool:
    """Whether this very account asked for it: a grant is used by the account that it was opened for, and by no other one of theirs.

    What is checked live when it opens, and while it is used, are that account's groups.
    """
    asker = incident.course.asked_by
    return incident.course.lends and asker is not None and asker.entity == who.entity


def has_approved(who: Somebody, incident: Incident) -> bool:
    """Whether they have said yes already, by whichever account."""
    return any(vote.yes and is_same_person(vote, who) for vote in incident.votes)
