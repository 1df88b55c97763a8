# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews: whoever did without an approval is judged by others, who are told at once and called when they do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.draft import Note
from breakglass.domain.own_alerts import OwnAlert, OwnName
from breakglass.domain.people import People
from breakglass.domain.permissions import reads_everything
from breakglass.domain.rules import Ladder, Rung
from breakglass.domain.whose import has_asked
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.incident import Incident
    from breakglass.domain.requests import Person
    from breakglass.own_alerts import OwnAlerts
    from breakglass.store.reviews import Review, Reviews

EVERY_SECONDS = 2.0
AGAIN_AFTER = timedelta(days=1)
LONGEST_NOTE = 2000
LONGEST_REASON = 300


class Verdict(StrEnum):
    """What a review comes to."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"
    UNCLEAR = "unclear"


class RefusedReview(BreakglassError):
    """Raised when a review can't be given as it was; nothing was changed."""


class NoSuchReview(BreakglassError):
    """Raised when there is no review for this person to give."""


@dataclass(frozen=True)
class Judging:
    """What people do about reviews.

    Attributes:
        reviews: Those of the database.
        people: The roles of the policy in force; operators and auditors read every review.
    """

    reviews: Reviews
    people: Callable[[], People] = People

    def due(self, person: Person) -> list[Review]:
        """Those that are due, as far as this person may see them."""
        return [review for review in self.reviews.due() if self._may_read(review.incident, person)]

    def give(self, person: Person, incident: str, verdict: Verdict, note: str) -> None:
        """Judge one; durable on return.

        Raises:
            NoSuchReview: None is due of this name, for this person.
            RefusedReview: It needs a note, it is about the person themselves, or they only read it.
        """
        found = next((review for review in self.reviews.due() if review.incident.id == incident), None)
        if found is None or not self._may_read(found.incident, person):
            raise NoSuchReview(f"No review of {incident[:80]} is due; see: breakglass reviews")
        if has_asked(person, found.incident):
            raise RefusedReview(f"You asked for {incident} yourself: somebody else judges it.")
        if not may_judge(found.incident, person):
            raise RefusedReview(f"{incident} is yours to read, and no more: who could have approved it judges it.")
        text = note.strip()
        if not text or len(text) > LONGEST_NOTE:
            raise RefusedReview(
                f"A review needs a note, of at most {LONGEST_NOTE} characters: what happened, and was it right?"
            )
        body = {"incident": incident, "by": person.person, "verdict": verdict.value, "note": text}
        if not self.reviews.give(incident, verdict.value, Note("review.given", body)):
            raise NoSuchReview(f"Somebody has judged {incident[:80]} a moment ago.")

    def _may_read(self, incident: Incident, person: Person) -> bool:
        return may_judge(incident, person) or has_asked(person, incident) or reads_everything(person, self.people())


@dataclass(frozen=True)
class ReviewWatch:
    """Tells those who were skipped at once, and whoever is called when a review is overdue, every day until it is done."""

    reviews: Reviews
    own_alerts: OwnAlerts

    def look(self) -> None:
        """Look once. Raises DatabaseUnavailable; then the next look does it."""
        for review in self.reviews.due():
            if not review.told:
                self._tell(review)
            if review.overdue:
                self.own_alerts.raise_(_overdue(review), AGAIN_AFTER, review.incident.course.ladder)
                self.reviews.mark(review.incident.id, called=True)
        for incident in self.reviews.settled():
            self.own_alerts.resolve(OwnName.OVERRIDE_USED, incident)
            self.own_alerts.resolve(OwnName.REVIEW_OVERDUE, incident)
            self.reviews.mark(incident, told=False, called=False)

    def _tell(self, review: Review) -> None:
        incident, overridden = review.incident, review.incident.course.overridden
        if overridden is None:
            return
        channels = Ladder(overridden.skipped.name, (Rung(overridden.skipped.notify, None),))
        self.own_alerts.raise_(_used(review), AGAIN_AFTER, channels)
        self.reviews.mark(incident.id, told=True)


def may_judge(incident: Incident, person: Person) -> bool:
    """Whether somebody could have approved it, and is another person than who asked."""
    overridden = incident.course.overridden
    if overridden is None or incident.course.asked_by is None or not person.person:
        return False
    return not has_asked(person, incident) and not overridden.skipped.groups.isdisjoint(person.groups)


def _used(review: Review) -> OwnAlert:
    incident = review.incident
    sentence = (
        f"{_who(incident)} opened {_what(incident)} without your approval ({_why(incident)}). Judge it by "
        f"{review.due_at:%Y-%m-%d %H:%M} UTC: breakglass review {incident.id} --verdict … --note …"
    )
    return OwnAlert(OwnName.OVERRIDE_USED, incident.id, sentence)


def _overdue(review: Review) -> OwnAlert:
    incident = review.incident
    sentence = (
        f"Nobody has judged that {_who(incident)} opened {_what(incident)} without approval ({_why(incident)}); it was due by "
        f"{review.due_at:%Y-%m-%d %H:%M} UTC: breakglass review {incident.id} --verdict … --note …"
    )
    return OwnAlert(OwnName.REVIEW_OVERDUE, incident.id, sentence)


def _who(incident: Incident) -> str:
    asker = incident.course.asked_by
    return asker.person or asker.name if asker else "somebody"


def _why(incident: Incident) -> str:
    asker = incident.course.asked_by
    return printable(asker.reason)[:LONGEST_REASON] if asker else ""


def _what(incident: Incident) -> str:
    plan = incident.course.plan
    return f"{plan.access} on {', '.join(plan.hosts)}" if plan else incident.id
