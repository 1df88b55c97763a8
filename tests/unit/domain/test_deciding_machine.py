# SPDX-License-Identifier: GPL-3.0-or-later
"""`decide` under everything that can happen, in any order: what must hold after every step."""

from __future__ import annotations

from datetime import time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.incidents import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    make_alert,
    make_course,
    make_incident,
    make_ladder,
    make_preview,
)

from breakglass.domain import messages as heard
from breakglass.domain.approvals import Quorum, Requirement, Vote
from breakglass.domain.course import Probing
from breakglass.domain.deciding import decide
from breakglass.domain.incident import TRANSITIONS, Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.maintenance import Window, opened
from breakglass.domain.orders import Ordered, Word
from breakglass.domain.rules import Limits, Mode
from breakglass.domain.schedule import Schedule

if TYPE_CHECKING:
    from breakglass.domain.alert import Alert
    from breakglass.domain.course import Course
    from breakglass.domain.draft import Decision, Note

OPEN = Window("patching", "p.yml:1", ("web",), Schedule("sunday", time(2, 0), "Europe/Berlin"), 3 * HOUR)
SOON = Window("backup", "p.yml:2", ("web",), Schedule("day", time(3, 13), "UTC"), 5 * MINUTE)  # within a minute
LIMITS = st.builds(
    Limits,
    firing_for=st.sampled_from([timedelta(0), timedelta(0), MINUTE, 2 * HOUR]),
    attempts=st.integers(1, 3),
    cooldown=st.just(MINUTE),
    repairs_per_day=st.just(3),
    hosts_at_once=st.just(1),
)
LADDERS = st.lists(st.none() | st.sampled_from([SECOND, 5 * MINUTE]), min_size=1, max_size=3).map(
    lambda waits: make_ladder(*waits)
)
QUORUM = Quorum("two", (Requirement(1, ("dba",)), Requirement(1, ("dba", "security"))), ("chat",), 15 * MINUTE)
COURSES = st.builds(
    make_course,
    mode=st.sampled_from([*[Mode.ACT] * 6, Mode.OBSERVE]),
    refusal=st.sampled_from([*[""] * 9, "unknown-host: web9 is not a host of the inventory"]),
    limits=LIMITS,
    idempotent=st.booleans(),
    alert_resolves_within=st.sampled_from([SECOND, 10 * MINUTE]),
    ladder=LADDERS,
    holds_host=st.booleans(),
    releases_host=st.booleans(),
    quorum=st.sampled_from([None, None, None, QUORUM]),
    probing=st.sampled_from([None, Probing("up", (("instance", "web1:9100"),))]),
    windows=st.sampled_from([(), (), (), (OPEN,), (SOON,), (OPEN, SOON)]),
    preview=st.sampled_from([None, make_preview()]),
)
ALERTS = st.builds(
    make_alert,
    st.sampled_from(["firing", "firing", "firing", "resolved"]),
    fingerprint=st.sampled_from(["f1", "f1", "f2"]),
    starts_at=st.sampled_from([NOW - HOUR, NOW, NOW + SECOND, NOW + HOUR]),
)
PAUSES = st.sampled_from([timedelta(0), timedelta(milliseconds=3), SECOND, 20 * SECOND, 3 * MINUTE, 2 * HOUR])
ANYTIME = st.one_of(
    st.just(heard.Interrupted()),
    st.builds(heard.NotStarted, st.just("the runner is stopping"), st.booleans()),
)
OUTCOMES = {
    Effect.RESERVE: st.sampled_from(
        [
            heard.Reserved(("cooldown 60 s",)),
            heard.Blocked("web1 is under repair (INC-OTHER1)", 2 * SECOND),
            heard.Blocked("cooldown of web1 after its last repair", 3 * HOUR),
            heard.Held("web1 is held by INC-OTHER1"),
            heard.OverLimit("the hold is set by alice: change freeze"),
        ]
    ),
    Effect.OPEN_GRANT: st.sampled_from(
        [
            heard.GrantMinted("accessor", NOW + HOUR),
            heard.GrantLeftToJob(),
            heard.GrantNotMinted("Vault is sealed", retryable=True),
            heard.GrantNotMinted("permission denied", retryable=False),
        ]
    ),
    Effect.RUN_PLAY: st.sampled_from(PlayOutcome).map(lambda outcome: heard.PlayEnded(outcome, f"it {outcome.value}")),
    Effect.CLOSE_GRANT: st.sampled_from(
        [heard.GrantProvenGone(NOW, "a certificate expires soon"), heard.GrantNotProvenGone("Vault is sealed")]
    ),
    Effect.ESCALATE: st.sampled_from([heard.Delivered(("channel",)), heard.NotDelivered("it did not take it")]),
    Effect.ASK: st.sampled_from([heard.Asked(("chat",)), heard.NotAsked("it did not take it")]),
    Effect.PROBE: st.sampled_from(heard.Finding).map(lambda finding: heard.Probed(finding, f"up is {finding.value}")),
}
SUCCESS: dict[Effect, heard.Outcome] = {
    Effect.RESERVE: heard.Reserved(()),
    Effect.OPEN_GRANT: heard.GrantMinted("accessor", NOW + HOUR),
    Effect.RUN_PLAY: heard.PlayEnded(PlayOutcome.OK, "the remediation ran and its own check passed"),
    Effect.CLOSE_GRANT: heard.GrantProvenGone(NOW, ""),
    Effect.ESCALATE: heard.Delivered(("channel",)),
    Effect.ASK: heard.Asked(("chat",)),
    Effect.PROBE: heard.Probed(heard.Finding.GOOD, "up is 1"),
}
IN_VAIN = (
    heard.Blocked,
    heard.Held,
    heard.GrantNotMinted,
    heard.GrantNotProvenGone,
    heard.NotDelivered,
    heard.NotStarted,
    heard.NotAsked,
    heard.Probed,
)
UNSEEN = (PlayOutcome.UNKNOWN, PlayOutcome.STOPPED)
GOOD_ENDS = (Result.REPAIRED, Result.OBSERVED, Result.RESOLVED_BY_ITSELF)
BEFORE_A_PLAY = ["limits.passed", "plan.made", "approval.given", "grant.intent", "grant.minted", "play.intent"]


class Life(RuleBasedStateMachine):
    """One incident, and what the engine, the senders and the clock may do to it."""

    @initialize(course=COURSES, alert=ALERTS, smooth_steps=st.integers(0, 18), play=OUTCOMES[Effect.RUN_PLAY])
    def open(self, course: Course, alert: Alert, smooth_steps: int, play: heard.PlayEnded) -> None:
        """Some lives go well for a while before chance sets in, so that late states are met as often as early ones."""
        self.now = NOW
        self.notes: list[Note] = []
        self.states = [State.RECEIVED]
        self.incident: Incident = make_incident(course)
        self.take(heard.AlertArrived(alert))
        outcomes = SUCCESS | {Effect.RUN_PLAY: play}
        for _ in range(smooth_steps):
            self.now = self.decision.look_again_at or self.now
            self.take(*[outcomes[self.incident.effect]] if self.incident.effect else [])

    def take(self, *messages: heard.Message) -> None:
        before = self.incident
        self.decision: Decision = decide(before, messages, self.now)
        self.incident = self.decision.incident
        self.notes.extend(self.decision.notes)
        self.states.append(self.incident.state)
        self.check_play_start(before)
        if (
            self.incident.effect in (Effect.RESERVE, Effect.ASK, Effect.OPEN_GRANT)
            and before.effect is not self.incident.effect
        ):
            assert self.incident.course.mode is Mode.OBSERVE or not opened(self.incident.course.windows, self.now)

    def check_play_start(self, before: Incident) -> None:
        """A play begins only after everything that must come before it, and never beside an open grant of another."""
        if self.incident.effect is not Effect.RUN_PLAY or before.effect is Effect.RUN_PLAY:
            return
        if self.incident.previews:
            assert self.incident.course.quorum is not None, "nobody would see it"
            assert not self.incident.votes
            return
        notes = [note for note in self.notes if "preview" not in note.body]
        kinds = [note.kind for note in notes]
        # A retry passes the limits anew, also when the attempt before it got no grant.
        retried = [note.kind == "order.given" and note.body["word"] == "retry" for note in notes]
        ended = [at for at, kind in enumerate(kinds) if kind == "play.ended" or retried[at]]
        last_play = max(ended, default=-1)
        # What a maintenance window took back, or an alert that fired again, passes the limits anew, too.
        passed = max((at for at, kind in enumerate(kinds) if kind == "limits.passed"), default=0)
        this_attempt = kinds[max(last_play + 1, passed) :]
        assert self.incident.course.plan is not None
        this_attempt = ["grant.minted" if kind == "grant.left_to_job" else kind for kind in this_attempt]
        steps = [kind for kind in this_attempt if kind in BEFORE_A_PLAY and kind != "grant.intent"]
        assert [kind for kind, _ in groupby(steps)] == [kind for kind in BEFORE_A_PLAY if kind != "grant.intent"]
        if self.incident.course.quorum is not None:
            yes = [note.body["by"] for note in notes[last_play + 1 :] if note.kind == "approval.given"]
            assert len(set(yes)) == len(yes) >= len(QUORUM.require)
            assert "cy" not in yes, "nobody of the groups"
        assert this_attempt.index("approval.given") < this_attempt.index("grant.intent")
        assert all(attempt.proven_at for attempt in self.incident.attempts[:-1] if attempt.accessor)

    @rule(alert=ALERTS, later=PAUSES)
    @precondition(lambda self: self.incident.state is not State.CLOSED and self.incident.effect is None)
    def an_alert_comes(self, alert: Alert, later: timedelta) -> None:
        self.now += later
        self.take(heard.AlertArrived(alert))

    @rule(alerts=st.just([]) | st.lists(ALERTS, max_size=2), later=PAUSES, data=st.data())
    @precondition(lambda self: self.incident.effect is not None)
    def the_effect_ends(self, alerts: list[Alert], later: timedelta, data: st.DataObject) -> None:
        """As the engine does it: the outcome first, then what has come meanwhile."""
        self.now += later
        assert self.incident.effect is not None
        likely = OUTCOMES[self.incident.effect]
        outcome = data.draw(st.one_of(likely, likely, ANYTIME))
        before = self.incident
        self.take(outcome, *[heard.AlertArrived(alert) for alert in alerts])
        news = any(
            note.kind == "escalation.begun" for note in self.decision.notes
        )  # those who were told do not know it
        if isinstance(outcome, IN_VAIN) and self.incident.effect is before.effect and not news:
            assert self.incident.escalation != before.escalation, f"{before.effect} is begun again without a pause"

    @rule(later=PAUSES)
    @precondition(lambda self: self.incident.effect is not None)
    def the_effect_succeeds(self, later: timedelta) -> None:
        """More often than not, so that the later states of a life are seen too."""
        self.now += later
        assert self.incident.effect is not None
        self.take(SUCCESS[self.incident.effect])

    @rule(later=PAUSES)
    @precondition(lambda self: self.incident.effect is None)
    def time_passes(self, later: timedelta) -> None:
        self.now += later
        self.take()

    @rule()
    @precondition(lambda self: self.decision.look_again_at is not None)
    def it_looks_again_when_it_said(self) -> None:
        """A wake-up never finds nothing to do and asks for itself again."""
        assert self.decision.look_again_at is not None
        self.now = max(self.now, self.decision.look_again_at)
        self.take()

    @rule(
        person=st.sampled_from(["ada", "ada", "ben", "ben", "cy"]),
        yes=st.sampled_from([True, True, True, False]),
        right_plan=st.sampled_from([True, True, True, False]),
        later=PAUSES,
        data=st.data(),
    )
    @precondition(lambda self: self.incident.course.quorum is not None)
    def somebody_votes(
        self, *, person: str, yes: bool, right_plan: bool, later: timedelta, data: st.DataObject
    ) -> None:
        """At any time, also twice, also those who may not, also about another plan."""
        self.now += later
        groups = {"ada": ("dba",), "ben": ("dba", "security"), "cy": ()}[person]
        plan = self.incident.course.plan
        digest = plan.digest if plan and right_plan else "another"
        effect = self.incident.effect
        outcome = [data.draw(OUTCOMES[effect])] if effect else []
        vote = Vote(person, f"entity of {person}", person, groups, digest, yes, "because", self.now)
        self.take(*outcome, Ordered(Word.VOTE, person, "because", vote))

    @rule(word=st.sampled_from([word for word in Word if word is not Word.VOTE]), later=PAUSES, data=st.data())
    def a_person_says(self, word: Word, later: timedelta, data: st.DataObject) -> None:
        """At any time, also what makes no sense; an incident at an effect hears it after that."""
        self.now += later
        effect = self.incident.effect
        outcome = [data.draw(OUTCOMES[effect])] if effect else []
        self.take(*outcome, Ordered(word, "ada", "because"))

    @property
    def given(self) -> list[str]:
        """The orders that were taken in."""
        return [str(note.body["word"]) for note in self.notes if note.kind == "order.given"]

    @invariant()
    def only_transitions_of_the_table(self) -> None:
        before, after = self.states[-2:]
        never_began = before is State.OPENING and after is State.CLOSING and self.incident.cancelled_by
        assert after is before or after in REACHABLE[before] or never_began

    @invariant()
    def attempts_stay_within_the_limit(self) -> None:
        attempts = self.incident.attempts
        uncounted = (PlayOutcome.STOPPED, None)  # by the runner's own end, and those that never came to a grant
        repairs = self.incident.repairs
        counted = [one for one in repairs if one.outcome not in uncounted or one.accessor or one is attempts[-1]]
        counted = [one for one in counted if one.outcome is not PlayOutcome.STOPPED]
        assert len(counted) <= self.incident.course.limits.attempts + self.given.count("retry")
        assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))

    @invariant()
    def what_nobody_saw_is_not_repeated(self) -> None:
        unseen = [attempt for attempt in self.incident.repairs if attempt.outcome in UNSEEN]
        if unseen and not self.incident.course.idempotent and "retry" not in self.given:
            assert unseen == [self.incident.attempt]
            assert self.incident.state in (State.CLOSING, State.ESCALATED, State.CLOSED)

    @invariant()
    def every_incident_has_a_future(self) -> None:
        if self.incident.state is State.CLOSED or self.incident.effect is not None:
            assert self.decision.look_again_at is None
        else:
            assert self.decision.look_again_at is not None
            assert self.decision.look_again_at > self.now, "a hot loop"

    @invariant()
    def deciding_again_changes_nothing(self) -> None:
        again = decide(self.incident, (), self.now)
        assert (again.incident, again.notes) == (self.incident, ())
        assert again.look_again_at == self.decision.look_again_at

    @invariant()
    def closed_means_repaired_or_that_people_know(self) -> None:
        if self.incident.state is State.CLOSED:
            told = self.incident.escalation is not None and self.incident.escalation.delivered
            by_a_person = {"close", "cancel"} & set(self.given)
            assert self.incident.result in GOOD_ENDS or told or by_a_person
            assert self.incident.result is not Result.CANCELLED or self.incident.cancelled_by
            assert self.incident.effect is None

    @invariant()
    def no_grant_is_open_outside_of_its_time(self) -> None:
        if self.incident.state in (
            State.CLOSED,
            State.ESCALATED,
            State.VERIFYING,
            State.WAITING,
            State.APPROVING,
            State.OPENING,
        ):
            assert not self.incident.open_grant

    @invariant()
    def observing_touches_nothing(self) -> None:
        if self.incident.course.mode is Mode.OBSERVE:
            assert self.incident.effect in (None, Effect.RESERVE)
            assert not self.incident.attempts

    @invariant()
    def a_preview_is_seen_before_a_yes_counts(self) -> None:
        shows = self.incident.course.preview is not None and self.incident.course.quorum is not None
        if self.incident.votes and shows:
            assert self.incident.previewed is not None
            assert "plan.previewed" in [note.kind for note in self.notes]

    @invariant()
    def a_hold_comes_with_a_play_that_was_not_undone(self) -> None:
        change = self.decision.hold
        if change is not None:
            assert self.notes[-1].kind == "play.ended" or "play.ended" in [note.kind for note in self.decision.notes]
            assert self.incident.attempt.outcome not in (PlayOutcome.FAILED, PlayOutcome.NOT_STARTED)
            course = self.incident.course
            assert course.holds_host if change.sets else course.releases_host

    @invariant()
    def it_ends_when_all_goes_well_from_now_on(self) -> None:
        incident, now, resolved = self.incident, self.now, NOW + 2 * HOUR
        over = [
            heard.AlertArrived(make_alert("resolved", fingerprint=name, starts_at=resolved)) for name in ("f1", "f2")
        ]
        for _ in range(30):
            if incident.state is State.CLOSED:
                return
            outcome = [SUCCESS[incident.effect]] if incident.effect else []
            decision = decide(incident, [*outcome, *over], now)
            incident, now = decision.incident, decision.look_again_at or now
        raise AssertionError(f"still {incident.state} after 30 steps")

    @invariant()
    def people_are_told_when_the_alert_never_resolves(self) -> None:
        incident, now = self.incident, self.now
        still = heard.AlertArrived(make_alert("firing", starts_at=NOW + 2 * HOUR))
        rungs = incident.course.ladder.rungs
        climbable = next((at for at, rung in enumerate(rungs) if rung.acknowledge_within is None), len(rungs) - 1)
        for _ in range(60):
            told = incident.escalation.delivered if incident.escalation else ()
            if incident.state is State.CLOSED or (incident.state is State.ESCALATED and climbable in told):
                return
            if incident.state is State.ESCALATED and incident.escalation and incident.escalation.acknowledged_by:
                return
            outcome = [SUCCESS[incident.effect]] if incident.effect else []
            decision = decide(incident, [*outcome, still], now)
            incident, now = decision.incident, decision.look_again_at or now
        raise AssertionError(f"still {incident.state} after 60 steps, and {told} were told")


def reachable(state: State) -> set[State]:
    """One decision may go several steps, but not through a state that needs the outside world."""
    found: set[State] = set()
    new = set(TRANSITIONS[state])
    while new:
        found |= new
        new = {after for before in new - {State.RUNNING, State.CLOSING} for after in TRANSITIONS[before]} - found
    return found


REACHABLE = {state: reachable(state) for state in State}
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=250,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLife.__doc__ = "Whatever happens to an incident, in whatever order, every invariant holds after every step."
