# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of incidents, read from the records that the domain itself makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import HOUR, MINUTE, NEVER_WAITS, NOW, SECOND, make_alert, make_course, make_ladder
from tests.unit.domain.test_deciding_orders import said
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
from tests.unit.domain.test_own_alerts import FIRING as OWN_FIRING
from tests.unit.domain.test_own_alerts import course as own_course

from breakglass.domain import messages as heard
from breakglass.domain.holds import Hold, Scope
from breakglass.domain.maintenance import Window
from breakglass.domain.orders import Word
from breakglass.domain.routing import Reason
from breakglass.domain.rules import Mode
from breakglass.domain.schedule import Schedule
from breakglass.report.outcome import FIRING_FOR, OTHER, Outcome, outcome_of, word_of
from breakglass.timeline import Event

if TYPE_CHECKING:
    from breakglass.domain.course import Course

ONCE = make_course(limits=replace(NEVER_WAITS, attempts=1), ladder=make_ladder())
OBSERVES = make_course(mode=Mode.OBSERVE)
AM = "alertmanager"


def events(story: Story, at: timedelta = timedelta()) -> list[Event]:
    """Everything that a story has noted so far, as records of a moment."""
    return [Event(NOW + at, note.kind, note.body, "runner") for note in story.notes]


class Told:
    """A story whose records bear the moments at which it heard."""

    def __init__(self, course: Course) -> None:
        self.story, self.events = Story(course), list[Event]()

    def hears(self, *messages: heard.Message, after: timedelta = timedelta()) -> Told:
        before = len(self.story.notes)
        self.story.hears(*messages, after=after)
        self.events += [Event(self.story.now, note.kind, note.body, "runner") for note in self.story.notes[before:]]
        return self

    @property
    def outcome(self) -> Outcome:
        outcome = outcome_of("INC-A", self.events)
        assert outcome is not None
        return outcome


def test_a_repair() -> None:
    """Whose it is, since when it fired and until when, and how often something was tried."""
    told = Told(make_course()).hears(FIRING, RESERVED, MINTED, RAN, GONE).hears(RESOLVED, after=3 * MINUTE)
    outcome = told.outcome
    assert (outcome.name, outcome.trigger, outcome.mode, outcome.kind) == ("INC-A", "service-down", "act", "alert")
    assert (outcome.result, outcome.closed_at, outcome.tries) == ("repaired", NOW + 3 * MINUTE, 1)
    assert outcome.firing == {(AM, "f1"): ("ServiceDown", NOW - 2 * MINUTE)}
    assert outcome.over == {(AM, "f1"): NOW + 3 * MINUTE}
    assert (outcome.fires_since, outcome.called_at, outcome.would) == (NOW - 2 * MINUTE, None, False)


def test_people_who_are_called() -> None:
    """When, when somebody said that they know, and who closed it."""
    told = Told(ONCE).hears(FIRING, RESERVED, MINTED, UNHEALTHY, GONE, TOLD)
    assert (told.outcome.result, told.outcome.called_at, told.outcome.acknowledged_at) == ("", NOW, None)
    told.hears(said(Word.ACKNOWLEDGE), after=4 * MINUTE).hears(said(Word.CLOSE), after=HOUR)
    outcome = told.outcome
    assert (outcome.acknowledged_at, outcome.closed_by) == (NOW + 4 * MINUTE, "ada")
    assert (outcome.result, outcome.tries) == ("failed", 1)


def test_what_waited_for_the_end_of_a_window() -> None:
    """And what would have run in it."""
    window = Window("repairs_per_day", "p.yml:1", ("web",), Schedule("day", time(3, 0), "UTC"), HOUR)
    outcome = Told(make_course(windows=(window,))).hears(FIRING, RESOLVED).outcome
    assert (outcome.waited, outcome.would, outcome.result) == ({"maintenance"}, True, "observed")


def test_what_would_have_run() -> None:
    """And what would not have."""
    assert Told(OBSERVES).hears(FIRING, RESERVED).outcome.would is True
    over = (
        Told(OBSERVES)
        .hears(FIRING, heard.OverLimit("web1 was repaired 3 times within a day (repairs_per_day is 3)"))
        .outcome
    )
    assert (over.would, over.refused, over.result) == (False, "repairs_per_day", "observed")
    nowhere = Told(make_course(mode=Mode.OBSERVE, refusal="unknown-host: web9 is no host")).hears(FIRING).outcome
    assert (nowhere.would, nowhere.refused) == (False, "unknown-host")


def test_what_waits() -> None:
    """By the words of the policy, each once."""
    young = make_course(limits=replace(NEVER_WAITS, firing_for=HOUR))
    assert Told(young).hears(FIRING).outcome.waited == {FIRING_FOR}
    told = Told(make_course()).hears(FIRING, heard.Blocked("cooldown of web1 after its last repair", SECOND))
    told.hears(after=MINUTE).hears(heard.Blocked("all 4 places for plays are taken", SECOND))
    assert told.outcome.waited == {"cooldown", "places for plays"}


@pytest.mark.parametrize(
    ("why", "word"),
    [
        ("web1 is under repair (INC-A)", "a host under repair"),
        ("2 hosts are under repair by web-down (hosts_at_once is 2)", "hosts_at_once"),
        ("the plan has 2 hosts, but hosts_at_once is 1: raise the limit", "hosts_at_once"),
        (str(Hold(Scope.HOST, "web1", "new disks", "ada", "", NOW)), "a hold"),
        (f"for more than a day, other alerts may wait too: {Hold(Scope.ALL, '', 'x', 'ada', '', NOW)}", "a hold"),
        ("the drill on web1 is being ended (INC-DRILL-A)", "a drill"),
        ("the grant is not proven gone: Vault is sealed", "Vault"),
        ("web1 has fallen off", OTHER),
        ("", OTHER),
    ],
)
def test_reasons_in_a_word(why: str, word: str) -> None:
    """As the limits say them."""
    assert word_of(why) == word


@pytest.mark.parametrize("reason", list(Reason))
def test_reasons_of_routing_keep_their_word(reason: Reason) -> None:
    assert word_of(f"{reason.value}: something about a cooldown of web1 under repair") == reason.value


def test_what_belongs_to_no_trigger_of_alerts() -> None:
    """Drills, requests, and what the runner tells of itself are known as such."""
    assert Told(own_course()).hears(OWN_FIRING).outcome.kind == "own"
    assert Told(replace(make_course(), drill="monday")).hears(FIRING).outcome.kind == "drill"
    asked = heard.AlertArrived(make_alert(source="request"))
    assert Told(make_course()).hears(asked).outcome.kind == "request"


def test_an_alert_that_comes_again() -> None:
    """Is not over, and is one alert; several are several."""
    told = Told(ONCE).hears(FIRING, RESERVED, MINTED, UNHEALTHY, GONE)
    told.hears(RESOLVED, after=MINUTE).hears(heard.AlertArrived(make_alert(starts_at=NOW + 2 * MINUTE)), after=MINUTE)
    told.hears(heard.AlertArrived(make_alert(fingerprint="f2")), after=MINUTE)
    assert told.outcome.over == {}
    assert set(told.outcome.firing) == {(AM, "f1"), (AM, "f2")}


def test_odd_records() -> None:
    """A moment that is none, and fields of another shape, cost nothing but themselves."""
    odd = [
        Event(NOW, "alert.firing", {"source": ["x"], "fingerprint": {"text": "f"}, "starts_at": "yesterday"}, "runner"),
        Event(NOW, "alert.firing", {"starts_at": "2026-11-22T03:12:09"}, "runner"),
        Event(NOW, "incident.opened", {"own": "yes", "drill": ""}, "runner"),
        Event(NOW, "limits.waiting", {}, "runner"),
    ]
    outcome = outcome_of("INC-A", odd)
    assert outcome is not None
    assert (outcome.kind, outcome.fires_since, outcome.waited) == ("alert", NOW, {OTHER})
    assert outcome_of("INC-A", []) is None
