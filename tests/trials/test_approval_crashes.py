# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner dies by kill -9 while people decide, and just after: nobody gets more than was approved, and no yes is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY, ask, withdraw
from tests.support.office import Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all, killed and started again."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def people(office: Office) -> tuple[Member, Member, Member]:
    """Who asks, and two who approve."""
    return office.hire("ada", "web-team"), office.hire("ben", "dba"), office.hire("cy", "security")


def crash(office: Office) -> None:
    """Kill -9, and a start."""
    office.runner.kill()
    office.runner.start()


def test_a_yes_survives_the_runner(office: Office, people: tuple[Member, Member, Member]) -> None:
    """Ben's yes counts after the crash, and does not count twice; Cy's completes it."""
    ada, ben, cy = people
    incident = ask(office, ada)
    assert office.answer(incident, ben)[0] == 202
    crash(office)
    office.site.wait_for(incident, "approval.given")
    assert office.answer(incident, ben, code="00000000")[0] == 409
    assert not [event for event in office.site.events(incident) if event.kind == "grant.intent"]
    assert office.answer(incident, cy)[0] == 202
    office.site.wait_for(incident, "play.intent")
    withdraw(office, incident, ada)
    given = [event.body["by"] for event in office.site.events(incident) if event.kind == "approval.given"]
    assert given == ["ben", "cy"]


@pytest.mark.parametrize("round_", range(3))
def test_a_crash_between_the_last_yes_and_the_grant(
    office: Office, people: tuple[Member, Member, Member], round_: int
) -> None:
    """Killed at once after the last yes: whatever was minted is proven gone, and nothing runs under a dead runner's grant."""
    ada, ben, cy = people
    incident = ask(office, ada)
    assert office.answer(incident, ben)[0] == 202
    assert office.answer(incident, cy)[0] == 202
    crash(office)
    office.site.wait_for(incident, "approval.given", count=2)
    withdraw(office, incident, ada)
    kinds = [event.kind for event in office.site.events(incident)]
    assert kinds.count("approval.given") == 2, round_
    assert kinds.count("grant.minted") == kinds.count("grant.revoked")
    assert office.site.verify().exit_code == 0
