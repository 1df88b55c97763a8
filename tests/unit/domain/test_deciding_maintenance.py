# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident does in a maintenance window: nothing begins there, and what still fires at its end is repaired."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING

from tests.support.incidents import HOUR, MINUTE, NEVER_WAITS, NOW, SECOND, make_course, make_plan
from tests.unit.domain.test_deciding_stories import (
    FIRING,
    GONE,
    MINTED,
    RAN,
    RESERVED,
    RESOLVED,
    TOLD,
    UNHEALTHY,
    Story,
)

from breakglass.domain import messages as heard
from breakglass.domain.approvals import Quorum, Requirement
from breakglass.domain.incident import Effect, Result, State
from breakglass.domain.maintenance import Window
from breakglass.domain.orders import Ordered, Word
from breakglass.domain.rules import Mode
from breakglass.domain.schedule import Schedule

if TYPE_CHECKING:
    from breakglass.domain.course import Course

OPEN = Window("patching", "policy.yml:7", ("web",), Schedule("sunday", time(2, 0), "Europe/Berlin"), 3 * HOUR)
END = NOW.replace(hour=4, minute=0, second=0, microsecond=0)  # 05:00 in Berlin; NOW is 04:12:09
SOON = Window("backup", "policy.yml:8", ("web",), Schedule("day", time(3, 13), "UTC"), 5 * MINUTE)
BEGINS = NOW.replace(minute=13, second=0, microsecond=0)
TAKEN = heard.Blocked("web1 is under repair (INC-OTHER1)", SECOND)
WHY = "in maintenance window patching until 2026-11-22 05:00 Europe/Berlin: only observed; what still fires then is repaired"


def story(*windows: Window, firing_for: timedelta = timedelta(0), mode: Mode = Mode.ACT) -> Story:
    return Story(make_course(windows=windows, limits=replace(NEVER_WAITS, firing_for=firing_for), mode=mode))


def drill(course: Course) -> Course:
    return replace(course, drill="monday-web")


def test_nothing_begins_in_a_window() -> None:
    """It waits for the end, the journal names the window, and it does not even ask for its hosts."""
    told = story(OPEN)
    assert told.hears(FIRING) is None
    assert (told.state, told.look_again_at, told.incident.blocked) == (State.WAITING, END, WHY)
    assert [note.body for note in told.notes if note.kind == "limits.waiting"] == [{"why": WHY}]
    assert told.incident.stands_aside
    assert told.hears(after=END - NOW - SECOND) is None
    assert told.kinds.count("limits.waiting") == 1


def test_what_still_fires_at_the_end_is_repaired() -> None:
    """All limits count from there: it is as young as the window's end, and its patience begins there."""
    told = story(OPEN, firing_for=MINUTE)
    told.hears(FIRING)
    assert told.hears(after=END - NOW) is None
    assert told.incident.blocked == "the alert must fire for 60 s first"
    assert told.look_again_at == END + MINUTE
    assert told.hears(after=MINUTE) is Effect.RESERVE
    told.hears(TAKEN)
    assert (told.state, told.incident.since) == (State.WAITING, END)
    assert told.hears(after=30 * SECOND) is Effect.RESERVE
    told.hears(RESERVED, MINTED, RAN, GONE, RESOLVED)
    assert told.incident.result is Result.REPAIRED


def test_what_resolves_in_a_window_is_an_observation() -> None:
    """Nobody is told, and the record says what would have been done, and why it was not."""
    told = story(OPEN)
    told.hears(FIRING, RESOLVED)
    assert (told.state, told.incident.result, told.incident.escalation) == (State.CLOSED, Result.OBSERVED, None)
    (observed,) = (note.body for note in told.notes if note.kind == "observed")
    assert observed == {
        "would_have_run": "breakglass.remediation.restart_service",
        "hosts": ["web1"],
        "maintenance": "patching",
    }


def test_who_waited_for_a_host_into_a_window_does_not_act_in_it() -> None:
    """An incident that was held up when the window opens waits for its end, too."""
    told = story(SOON)
    assert told.hears(FIRING) is Effect.RESERVE
    told.hears(TAKEN)
    assert told.hears(after=BEGINS - NOW) is None
    assert (told.state, told.look_again_at) == (State.WAITING, BEGINS + 5 * MINUTE)
    assert told.hears(after=5 * MINUTE) is Effect.RESERVE


def test_a_window_that_opens_before_the_grant_is_asked_for_comes_first() -> None:
    """Vault was sealed when the window opened: the hosts are given back, and all limits and the approval come anew."""
    told = story(SOON)
    told.hears(FIRING, RESERVED, heard.GrantNotMinted("Vault is sealed", retryable=True))
    assert told.state is State.OPENING
    assert told.hears(after=BEGINS - NOW) is None
    assert (told.state, told.incident.stands_aside, told.incident.open_grant) == (State.WAITING, True, False)
    assert told.hears(after=5 * MINUTE) is Effect.RESERVE
    told.hears(RESERVED, MINTED, UNHEALTHY, GONE)
    assert (told.state, told.kinds.count("approval.given")) == (State.WAITING, 2)
    told.hears(RESERVED, MINTED, UNHEALTHY, GONE)
    assert told.state is State.ESCALATED, "what the window took back is no attempt, and two of two have failed"


def test_a_play_that_runs_when_a_window_opens_goes_on() -> None:
    """A repair is not broken off in the middle; a second attempt does not begin in the window."""
    told = story(SOON)
    told.hears(FIRING, RESERVED, MINTED)
    assert told.hears(UNHEALTHY, after=BEGINS - NOW) is Effect.CLOSE_GRANT
    assert told.hears(GONE) is None
    assert told.incident.stands_aside
    assert told.hears(after=5 * MINUTE) is Effect.RESERVE


def test_a_repair_before_the_window_is_still_verified_in_it() -> None:
    """What ran is proven or told to people, whatever is open now."""
    told = story(SOON)
    told.hears(FIRING, RESERVED, MINTED, RAN, GONE)
    told.hears(RESOLVED, after=BEGINS - NOW)
    assert told.incident.result is Result.REPAIRED


def test_a_trigger_that_observes_does_so_at_once() -> None:
    """It has nothing to wait for."""
    told = story(OPEN, mode=Mode.OBSERVE)
    assert told.hears(FIRING) is Effect.RESERVE
    told.hears(RESERVED)
    assert told.incident.result is Result.OBSERVED


def test_a_drill_leaves_its_host_to_those_who_work_there() -> None:
    """It gives way, as to everything that is real."""
    told = Story(drill(make_course(windows=(OPEN,))))
    told.hears(FIRING)
    assert (told.state, told.incident.result) == (State.CLOSED, Result.CANCELLED)
    (refused,) = (note.body for note in told.notes if note.kind == "limits.refused")
    assert refused == {"why": "in maintenance window patching until 2026-11-22 05:00 Europe/Berlin"}


def test_what_can_not_run_anyway_is_told_in_a_window_too() -> None:
    """A refused alert has no hosts that people could be working on."""
    told = Story(make_course(refusal="unknown-host: web9", windows=()))
    told.hears(FIRING)
    assert told.state is State.ESCALATED


def test_a_grant_that_people_asked_for_knows_no_windows() -> None:
    """Those who work in the window are who needs it; its course has none."""
    told = Story(make_course(plan=replace(make_plan(), remediation="")))
    assert told.hears(FIRING) is Effect.RESERVE


def test_people_can_not_retry_in_a_window_but_cancel() -> None:
    """A retry opens nothing that the policy does not."""
    told = story(SOON)
    told.hears(FIRING, heard.OverLimit("the hold is set"), TOLD)
    assert told.state is State.ESCALATED
    assert told.hears(Ordered(Word.RETRY, "ada", "because"), after=BEGINS - NOW) is None
    assert told.incident.stands_aside
    told.hears(Ordered(Word.CANCEL, "ada", "because"))
    assert told.incident.result is Result.CANCELLED


def test_people_who_were_asked_to_approve_are_asked_anew_after_the_window() -> None:
    """Nobody is to say yes to what would not begin anyway, and a yes of before is not for afterwards."""
    quorum = Quorum("dba", (Requirement(1, ("dba",)),), ("chat",), 15 * MINUTE)
    told = Story(make_course(windows=(SOON,), quorum=quorum))
    assert told.hears(FIRING, RESERVED) is Effect.ASK
    told.hears(heard.Asked(("chat",)))
    assert told.state is State.APPROVING
    assert told.hears(after=BEGINS - NOW) is None
    assert (told.state, told.incident.stands_aside) == (State.WAITING, True)
    assert told.hears(after=5 * MINUTE) is Effect.RESERVE
    assert told.hears(RESERVED) is Effect.ASK
