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
    """What, why, what was tried, what is known, and whether anything is open; text from outside is one line."""
    attempts = (
        Attempt(1, "a1", outcome=PlayOutcome.OK, proven_at=NOW, preview=True),
        Attempt(2, "a2", outcome=PlayOutcome.FAILED, sentence="web1: no answer", proven_at=NOW),
    )
    lines = dict(called_lines(called(attempts=attempts)))
    assert lines["what"].startswith("Service [2JDown on web1, since ")
    assert lines["why"] == "the health check failed"
    assert lines["tried"] == "attempt 2: failed: web1: no answer"
    assert lines["state"] == "no grant is open: all were revoked, proven"
    assert lines["held"] == "web1: no other trigger will work there until this incident is closed"
    still_open = dict(called_lines(called(attempts=(Attempt(1, "a1"),))))["state"]
    assert still_open == "grant a1… is NOT proven gone; it dies by itself at the end of its box"
    assert dict(called_lines(called()))["state"] == "no grant was opened"
    assert "held" not in dict(called_lines(called(state=State.CLOSED, attempts=attempts)))
    assert headline(called()) == "Service [2JDown on web1: people were called"


def test_it_says_what_is_known() -> None:
    """The alerts' own words, each once, then where the last repair kept how it found the hosts; three of each at most."""
    faults = tuple(
        Fault(f"f{number}", "Down", firing=True, starts_at=NOW, says=f"no {number % 4}") for number in range(9)
    )
    attempts = (
        Attempt(1, outcome=PlayOutcome.FAILED, evidence=("web1: /old, SHA-256 1…",)),
        Attempt(2, outcome=PlayOutcome.FAILED, evidence=("web1: /var/lib/x.json, SHA-256 51c0ab3e…",)),
        Attempt(3, outcome=PlayOutcome.NOT_STARTED),
    )
    found = [text for label, text in called_lines(called(faults=faults, attempts=attempts)) if label == "evidence"]
    assert found == [
        "the alert says: no 0",
        "the alert says: no 1",
        "the alert says: no 2; and 1 more",
        "web1: /var/lib/x.json, SHA-256 51c0ab3e…",
    ]


def test_it_names_the_runbook_of_the_policy() -> None:
    """Last, as the policy has it; none where it has none."""
    course = replace(make_course(), runbook="https://wiki.example.com/shop")
    assert called_lines(called(course=course))[-1] == ("runbook", "https://wiki.example.com/shop")
    assert "runbook" not in dict(called_lines(called()))
