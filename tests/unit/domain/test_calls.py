# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may look at what people were called for, and what it says."""

from __future__ import annotations

from dataclasses import replace

from tests.support.incidents import NOW, make_course, make_incident

from breakglass.domain.calls import called_lines, may_hear, waits_to_be_heard
from breakglass.domain.incident import Attempt, Escalation, Fault, Incident, PlayOutcome, State
from breakglass.domain.question import headline
from breakglass.domain.requests import Person

BEN = Person("e-ben", "ben", frozenset({"dba"}), "ben")


def called(**other: object) -> Incident:
    """People were called for it; nobody was asked for a yes."""
    made = replace(
        make_incident(make_course()),
        state=State.ESCALATED,
        faults=(Fault("f1", "Service\x1b[2JDown", firing=True, starts_at=NOW),),
        escalation=Escalation("the health check failed", 0, NOW),
    )
    return replace(made, **other)  # type: ignore[arg-type]


def test_it_is_for_people_with_a_part_in_the_policy() -> None:
    """Named by an admin, and in one of its groups; where it names no group, named."""
    assert may_hear(called(), BEN, {"dba", "security"})
    assert may_hear(called(), BEN, set())
    assert not may_hear(called(), BEN, {"security"})
    assert not may_hear(called(), replace(BEN, person=""), {"dba"})
    assert not may_hear(called(escalation=None), BEN, {"dba"})


def test_it_waits_until_somebody_has_it() -> None:
    """Also while a grant can't be proven gone; not once it is closed."""
    assert waits_to_be_heard(called())
    assert waits_to_be_heard(called(state=State.CLOSING))
    assert not waits_to_be_heard(called(state=State.CLOSED))
    assert not waits_to_be_heard(called(escalation=Escalation("x", 0, NOW, acknowledged_by="ben")))
    assert not waits_to_be_heard(make_incident())


def test_it_says_what_the_message_says() -> None:
    """What, why, what was tried, and whether anything is open; text from outside is one line."""
    attempts = (
        Attempt(1, "a1", outcome=PlayOutcome.OK, proven_at=NOW, preview=True),
        Attempt(2, "a2", outcome=PlayOutcome.FAILED, sentence="web1: no answer", proven_at=NOW),
    )
    lines = dict(called_lines(called(attempts=attempts)))
    assert lines["what"] == "Service [2JDown on web1"
    assert lines["why"] == "the health check failed"
    assert lines["tried"] == "failed: web1: no answer"
    assert lines["grants"] == "none is open: all were revoked, proven"
    assert dict(called_lines(called(attempts=(Attempt(1, "a1"),))))["grants"] == "one is NOT proven gone"
    assert dict(called_lines(called()))["grants"] == "none was opened"
    assert headline(called()) == "Service [2JDown on web1: people were called"
