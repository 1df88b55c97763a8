# SPDX-License-Identifier: GPL-3.0-or-later
"""What an extension is: another request for the same, only while the first is open, and never for longer than was approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.incidents import MINUTE, NOW, make_course, make_incident, make_plan

from breakglass.domain.approvals import Asker, Quorum, Requirement
from breakglass.domain.extending import Extension, asked_in_time, nothing_to_extend, wish_to_extend
from breakglass.domain.incident import Attempt, Incident, State
from breakglass.domain.question import headline, question_lines
from breakglass.domain.requests import RefusedRequest, Wish

ADA = Asker("ada", "e-1", "ada", ("dba",), "locks on orders", "OPS-1")
DBA = Quorum("dba", (Requirement(1, ("dba",)),), ("chat",), 15 * MINUTE)
PLAN = replace(make_plan("web1", "web2"), remediation="", parameters={}, content_digest="")


def opened(state: State = State.RUNNING) -> Incident:
    """A request of hers whose grant is open for another five minutes."""
    made = make_incident(make_course(plan=PLAN, asked_by=ADA, quorum=DBA), name="INC-A")
    return replace(made, state=state, attempts=(Attempt(1, "accessor-1", NOW + 5 * MINUTE),))


def test_it_asks_for_the_same_again() -> None:
    """Access, hosts, ticket and time box of the first; the reason, where another is not given."""
    assert wish_to_extend(opened(), Extension(), [], NOW) == Wish(
        "web-operator", ("web1", "web2"), "locks on orders", "OPS-1", 10 * MINUTE, extends="INC-A"
    )
    other = wish_to_extend(opened(), Extension(20 * MINUTE, "still locked", override=True), [], NOW)
    assert (other.time_box, other.reason, other.override) == (20 * MINUTE, "still locked", True)


@pytest.mark.parametrize("state", [state for state in State if state is not State.RUNNING])
def test_only_what_is_open_can_be_extended(state: State) -> None:
    """When it is asked for, and when it would open."""
    with pytest.raises(RefusedRequest, match="nothing to extend"):
        wish_to_extend(opened(state), Extension(), [], NOW)
    assert "INC-A is over" in nothing_to_extend(opened(state), "INC-A")


def test_what_was_cancelled_or_forgotten_is_not_extended() -> None:
    """Also while its grant is being closed still."""
    assert nothing_to_extend(opened(), "INC-A") == ""
    assert "is over" in nothing_to_extend(replace(opened(), cancelled_by="eve"), "INC-A")
    assert "is over" in nothing_to_extend(None, "INC-A")


def test_neither_twice_at_once_nor_for_less_nor_what_was_handed_out() -> None:
    """Each is refused with a sentence."""
    first = opened()
    with pytest.raises(RefusedRequest, match="INC-B extends INC-A already"):
        wish_to_extend(first, Extension(), [make_incident(first.course, name="INC-B")], NOW)
    over = replace(make_incident(first.course, name="INC-B"), state=State.CLOSED)
    assert wish_to_extend(first, Extension(), [over], NOW).extends == "INC-A"
    with pytest.raises(RefusedRequest, match="is open until 03:17:09 UTC anyway"):
        wish_to_extend(first, Extension(5 * MINUTE), [], NOW)
    handed_out = replace(first, course=replace(first.course, hands_out=True))
    with pytest.raises(
        RefusedRequest, match=r"was handed out: .* dies with it at 03:17:09 UTC, .*breakglass release INC-A"
    ):
        wish_to_extend(handed_out, Extension(), [], NOW)


def test_the_question_is_over_when_the_first_grant_is() -> None:
    """Or when the approval says, whichever is sooner; an approval of nobody has no question."""
    course = opened().course
    asked = asked_in_time(course, opened(), NOW).quorum
    assert asked is not None
    assert asked.within == 5 * MINUTE
    short = replace(course, quorum=replace(DBA, within=MINUTE))
    assert asked_in_time(short, opened(), NOW) == short
    late = asked_in_time(course, opened(), NOW + 6 * MINUTE).quorum
    assert late is not None
    assert late.within > timedelta()
    assert asked_in_time(replace(course, quorum=None), opened(), NOW).quorum is None


def test_an_approver_sees_what_is_extended_and_says_yes_to_that() -> None:
    """In the headline and in a line of its own; another plan than the first one's, by its digest."""
    plan = replace(PLAN, extends="INC-A")
    assert plan.digest not in (PLAN.digest, replace(PLAN, extends="INC-B").digest)
    asked = make_incident(make_course(plan=plan, asked_by=ADA, quorum=DBA), name="INC-B")
    assert headline(asked) == "ada asks for more time (INC-A): web-operator on web1, web2"
    assert ("extends", "INC-A, which is closed then: its sessions go on until the new end") in question_lines(asked)
