# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told at the end of a drill."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import NOW, make_course, make_incident, make_plan

from breakglass.domain.drills import Measured, Passage, Phase
from breakglass.domain.incident import Attempt, Escalation, Incident, State
from breakglass.effects.drill_text import drill_text

WELL = Measured(tuple(Passage(phase, 0.5, "it went well") for phase in list(Phase)[:-1]))
WELL = Measured((*WELL.passages, Passage(Phase.TOLD, None, "not reached yet")))


def broken(phase: Phase, why: str) -> Measured:
    """All before the phase went well, and nothing after it."""
    order = list(Phase)
    return Measured(
        tuple(
            Passage(one, 0.5, "it went well")
            if order.index(one) < order.index(phase)
            else Passage(one, None, why if one is phase else "not reached", failed=one is phase)
            for one in order
        )
    )


def drilled(state: State, **more: object) -> Incident:
    course = replace(make_course(plan=replace(make_plan(), check_mode=True)), drill="shop")
    called = Escalation("no grant could be opened: permission denied", 0, NOW)
    incident = make_incident(course, name="INC-DRILL-7K2F9X")
    return replace(incident, state=state, escalation=called, **more)  # type: ignore[arg-type]


def test_a_drill_that_came_through_says_that_there_is_nothing_to_do() -> None:
    """In the subject, and a sentence for each phase below it."""
    text = drill_text(drilled(State.VERIFYING), WELL)
    assert text.subject == (
        "breakglass DRILL shop: service-down on web1 came through in 4.0 s. Nothing to do. INC-DRILL-7K2F9X"
    )
    lines = text.body.splitlines()
    assert (
        lines[0]
        == "DRILL      shop: service-down on web1 was rehearsed in check mode, nothing was changed. No alert is behind it."
    )
    assert [line.split()[0] for line in lines[1:-1]] == [phase.value for phase in Phase]
    assert lines[-2] == "told       by this message"


@pytest.mark.parametrize("phase", list(Phase))
def test_a_drill_that_failed_says_where(phase: Phase) -> None:
    """The word FAILED and the phase are in the subject; what was not reached is not blamed."""
    text = drill_text(drilled(State.ESCALATED), broken(phase, "permission denied"))
    assert f"FAILED at {phase.value}: a real alert would not have been repaired. You are needed." in text.subject
    assert f"{phase.value.ljust(11)}FAILED: permission denied" in text.body.splitlines()
    assert text.body.count("FAILED") == 1
    assert "WHY        no grant could be opened: permission denied" in text.body


def test_an_open_grant_comes_first() -> None:
    """It is no rehearsal that a grant is open."""
    minted = (Attempt(1, accessor="accessor-1"),)
    text = drill_text(drilled(State.CLOSING, attempts=minted), broken(Phase.REVOKED, "Vault is sealed"))
    assert "FAILED at revoked: a grant can't be proven gone. You are needed." in text.subject


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)])
def test_what_comes_from_outside_stays_one_line(value: str) -> None:
    """Texts of hosts and of Vault are escaped and cut."""
    body = drill_text(drilled(State.ESCALATED), broken(Phase.REPAIRED, value)).body
    assert len(body.splitlines()) == 3 + len(Phase)
    assert body.replace("\n", "").isprintable()
    assert max(map(len, body.splitlines())) < 400
