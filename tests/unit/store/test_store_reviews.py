# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews of overrides: due from the moment that one is asked for, told, called for, and over with a verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import HOUR, MINUTE, make_alert, make_course, make_ladder, make_plan

from breakglass.domain.approvals import Asker, Overridden, Quorum, Requirement
from breakglass.domain.people import People
from breakglass.domain.requests import Person
from breakglass.domain.rules import Policy
from breakglass.own_alerts import OwnAlerts
from breakglass.reviews import Judging, NoSuchReview, RefusedReview, ReviewWatch, Verdict
from breakglass.store.inbox import Arrival
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.reviews import Reviews

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents

SKIPPED = Quorum("one", (Requirement(1, ("security",)),), ("chat",), 15 * MINUTE)
ADA = Person("e-ada", "ada", frozenset({"duty", "security"}), "ada")
CY = Person("e-cy", "cy", frozenset({"security"}), "cy")
POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder()}, escalation="on-call")


def override(incidents: Incidents, within: timedelta = HOUR) -> None:
    """Ada does without the approval."""
    course = replace(
        make_course(plan=replace(make_plan(), remediation="")),
        asked_by=Asker("ada", "e-ada", "ada", ("duty",), "fire"),
        overridden=Overridden(SKIPPED, within),
    )
    incidents.accept([Arrival(make_alert(), course, "INC-A")])


@pytest.fixture
def reviews(database: Database) -> Reviews:
    return Reviews(database)


@pytest.fixture
def watch(database: Database, reviews: Reviews) -> ReviewWatch:
    own = OwnAlerts(OwnIncidents(database), lambda: POLICY, ["chat"], lambda: None)
    return ReviewWatch(reviews, own)


def own_incidents(incidents: Incidents) -> list[str]:
    """Alerts of our own that are there."""
    names = []
    while (claimed := incidents.claim()) is not None:
        names += [alert.labels["alertname"] for alert in claimed.alerts if claimed.incident.course.own]
    return sorted(names)


def test_a_review_is_due_until_somebody_else_gives_it(incidents: Incidents, reviews: Reviews) -> None:
    """Not by who asked, not without a note, not twice."""
    override(incidents)
    judging = Judging(reviews)
    assert [review.incident.id for review in judging.due(CY)] == ["INC-A"]
    with pytest.raises(RefusedReview, match="somebody else"):
        judging.give(ADA, "INC-A", Verdict.JUSTIFIED, "it was me")
    with pytest.raises(RefusedReview, match="note"):
        judging.give(CY, "INC-A", Verdict.JUSTIFIED, "  ")
    judging.give(CY, "INC-A", Verdict.JUSTIFIED, "it burned")
    assert judging.due(CY) == []
    with pytest.raises(NoSuchReview):
        judging.give(CY, "INC-A", Verdict.UNCLEAR, "again")


@pytest.mark.parametrize(
    "person",
    [
        Person("e-eve", "eve", frozenset({"dba"}), "eve"),
        Person("e-2", "other", frozenset({"security"}), ""),
    ],
)
def test_strangers_judge_nothing(incidents: Incidents, reviews: Reviews, person: Person) -> None:
    """Nor does an entity that belongs to nobody."""
    override(incidents)
    assert Judging(reviews).due(person) == []
    with pytest.raises(NoSuchReview):
        Judging(reviews).give(person, "INC-A", Verdict.JUSTIFIED, "x")


@pytest.mark.parametrize("role", ["ops", "revision"])
def test_operators_and_auditors_read_reviews_and_judge_none(incidents: Incidents, reviews: Reviews, role: str) -> None:
    """It is who could have approved that judges; the sentence says so."""
    override(incidents)
    judging = Judging(reviews, lambda: People(frozenset({"ops"}), frozenset({"revision"})))
    reader = Person("e-rita", "rita", frozenset({role}), "rita")
    assert [review.incident.id for review in judging.due(reader)] == ["INC-A"]
    with pytest.raises(RefusedReview, match="who could have approved it judges it"):
        judging.give(reader, "INC-A", Verdict.JUSTIFIED, "x")
    assert [review.incident.id for review in judging.due(CY)] == ["INC-A"]


def test_another_entity_of_the_same_person_does_not_judge(incidents: Incidents, reviews: Reviews) -> None:
    """People are counted by who they are."""
    override(incidents)
    other = Person("e-ada-2", "ada-admin", frozenset({"security"}), "ada")
    with pytest.raises(RefusedReview):
        Judging(reviews).give(other, "INC-A", Verdict.JUSTIFIED, "x")


def test_the_skipped_are_told_once_and_the_overdue_called(
    incidents: Incidents, reviews: Reviews, watch: ReviewWatch
) -> None:
    """Also after a restart, since it is written down."""
    override(incidents, timedelta())
    watch.look()
    watch.look()
    assert own_incidents(incidents) == ["OverrideUsed", "ReviewOverdue"]
    Judging(reviews).give(CY, "INC-A", Verdict.UNJUSTIFIED, "no fire")
    assert reviews.settled() == ["INC-A"]
    watch.look()
    assert reviews.settled() == []
