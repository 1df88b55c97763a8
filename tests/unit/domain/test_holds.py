# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import HOUR, NOW, make_course, make_incident, make_plan

from breakglass.domain.holds import Hold, HoldChange, Scope, change_after, in_the_way, waits_quietly
from breakglass.domain.incident import PlayOutcome
from breakglass.domain.rules import Mode

ADA = Hold(Scope.HOST, "web1", "new disks", "ada", "", NOW)
EVERYTHING = replace(ADA, scope=Scope.ALL, name="", reason="change freeze")
OF_TRIGGER = replace(ADA, scope=Scope.TRIGGER, name="service-down")
ISOLATED = Hold(Scope.HOST, "web1", "isolate_host ran there", "", "INC-OTHER1", NOW)
HERE = make_incident(make_course(plan=make_plan("web1", "web2")))


@pytest.mark.parametrize(
    ("hold", "stops"),
    [
        (EVERYTHING, True),
        (ADA, True),
        (replace(ADA, name="web2"), True),
        (replace(ADA, name="web3"), False),
        (replace(ADA, name="web"), False),
        (OF_TRIGGER, True),
        (replace(OF_TRIGGER, name="other"), False),
        (replace(OF_TRIGGER, name="web1"), False),
        (replace(ADA, name="service-down"), False),
        (ISOLATED, True),
        (replace(ISOLATED, name="web3"), False),
    ],
)
def test_what_a_hold_stops(hold: Hold, *, stops: bool) -> None:
    """A hold stops everything, or what is of its trigger, or what has its host among its hosts, and nothing else."""
    assert in_the_way(HERE, [hold]) == (hold if stops else None)


def test_an_incident_passes_its_own_hold() -> None:
    """The incident that holds a host may go on there; that opens no other hold for it."""
    own = replace(ISOLATED, incident=HERE.id)
    assert in_the_way(HERE, [own]) is None
    assert in_the_way(HERE, [own, ISOLATED]) == ISOLATED
    assert in_the_way(HERE, [own, ADA]) == ADA


def test_what_ends_the_holds_of_incidents_passes_them() -> None:
    """A remediation that ends such holds may start on a host that an incident holds, never on one that a person does."""
    rejoin = make_incident(make_course(releases_host=True))
    assert in_the_way(rejoin, [ISOLATED]) is None
    for hold in (ADA, EVERYTHING, OF_TRIGGER):
        assert in_the_way(rejoin, [ISOLATED, hold]) == hold


def test_a_person_comes_first() -> None:
    """Of several holds the one is named that a person set, the widest first, then the oldest."""
    older = replace(ADA, since=NOW - HOUR)
    assert in_the_way(HERE, [ISOLATED, ADA, OF_TRIGGER, EVERYTHING]) == EVERYTHING
    assert in_the_way(HERE, [ISOLATED, ADA, OF_TRIGGER]) == OF_TRIGGER
    assert in_the_way(HERE, [ISOLATED, ADA, older]) == older


@pytest.mark.parametrize(
    ("hold", "sentence"),
    [
        (
            EVERYTHING,
            "everything is held by ada since 2026-11-22 03:12 UTC (lift it with: breakglass hold lift --all --",
        ),
        (
            OF_TRIGGER,
            "the trigger service-down is held by ada since 2026-11-22 03:12 UTC (lift it with: breakglass hold",
        ),
        (
            ISOLATED,
            "web1 is held by INC-OTHER1 since 2026-11-22 03:12 UTC (lift it with: breakglass hold lift --host w",
        ),
    ],
)
def test_a_hold_in_words(hold: Hold, sentence: str) -> None:
    """What is held, by whom, since when, how it is lifted, and why: in this order, since a long reason may be cut."""
    assert str(hold).startswith(sentence)
    assert str(hold).endswith(f" --reason …): {hold.reason}")


def test_who_waits_quietly() -> None:
    """An alert waits for the end of an incident's hold; what a person stopped, and what only observes or asks, does not."""
    assert waits_quietly(HERE, ISOLATED)
    assert not waits_quietly(HERE, ADA)
    assert not waits_quietly(make_incident(make_course(mode=Mode.OBSERVE)), ISOLATED)
    loan = make_incident(make_course(plan=replace(make_plan(), remediation="")))
    assert not waits_quietly(loan, ISOLATED)


@pytest.mark.parametrize(
    ("outcome", "sets"),
    [
        (PlayOutcome.OK, True),
        (PlayOutcome.FAILED, False),
        (PlayOutcome.NOT_STARTED, False),
        (PlayOutcome.TIMED_OUT, True),
        (PlayOutcome.STOPPED, True),
        (PlayOutcome.UNKNOWN, True),
    ],
)
def test_when_hosts_are_held(outcome: PlayOutcome, *, sets: bool) -> None:
    """Hosts are held after the repair that says so, also when nobody saw its end; not after one that failed or never ran."""
    change = change_after(make_course(holds_host=True), outcome)
    assert (change is not None) == sets
    if change is not None:
        assert change.sets
        assert ("may have run" in change.reason) == (outcome is not PlayOutcome.OK)
        assert "(trigger service-down)" in change.reason


@pytest.mark.parametrize("outcome", list(PlayOutcome))
def test_when_hosts_are_released(outcome: PlayOutcome) -> None:
    """Holds end when the remediation that ends them has surely worked, and not otherwise."""
    change = change_after(make_course(releases_host=True), outcome)
    released = HoldChange(sets=False, reason="restart_service ran there (trigger service-down)")
    assert change == (released if outcome is PlayOutcome.OK else None)


@pytest.mark.parametrize("outcome", list(PlayOutcome))
def test_other_remediations_change_no_hold(outcome: PlayOutcome) -> None:
    """A remediation that says neither leaves the holds alone."""
    assert change_after(make_course(), outcome) is None
