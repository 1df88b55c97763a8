# SPDX-License-Identifier: GPL-3.0-or-later
"""Before people are asked they are to see what the plan would change: what becomes of that, and of the question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import HOUR, MINUTE, NOW, SECOND, make_alert, make_course, make_incident, make_preview

from breakglass.domain import messages as heard
from breakglass.domain.approvals import Quorum, Requirement, Vote
from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect, Incident, PlayOutcome, Result, State
from breakglass.domain.maintenance import Window
from breakglass.domain.orders import Ordered, Word, refusal
from breakglass.domain.previews import Previewed, WouldChange
from breakglass.domain.question import question_lines
from breakglass.domain.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.draft import Decision

QUORUM = Quorum("one", (Requirement(1, ("dba",)),), ("chat",), 15 * MINUTE)
SEEN = Previewed((WouldChange("web1", "shop : Write it", ("--- before\n+++ after\n-old\n+new",)),))
MINTED = heard.GrantMinted("accessor-1", NOW + 2 * MINUTE)
GONE = heard.GrantProvenGone(NOW, "")
OK = heard.PlayEnded(PlayOutcome.OK, "in check mode it would change 1 thing", previewed=SEEN)


class Story:
    """An incident whose trigger has a preview and asks people."""

    def __init__(self, **course: object) -> None:
        self.now = NOW
        self.kinds: list[str] = []
        self.bodies: list[Mapping[str, object]] = []
        made = make_course(quorum=QUORUM, preview=make_preview())
        self.incident: Incident = make_incident(replace(made, **course))  # type: ignore[arg-type]
        self.hears(heard.AlertArrived(make_alert()))
        self.hears(heard.Reserved(()))

    def hears(self, *messages: heard.Message) -> Decision:
        decision = decide(self.incident, messages, self.now)
        self.incident = decision.incident
        self.kinds += [note.kind for note in decision.notes]
        self.bodies += [note.body for note in decision.notes]
        return decision

    def body(self, kind: str) -> Mapping[str, object]:
        """The newest note of a kind."""
        return next(body for found, body in reversed(list(zip(self.kinds, self.bodies, strict=True))) if found == kind)

    def yes(self, preview: str = "") -> Ordered:
        """A yes of somebody who may say it."""
        plan = self.incident.course.plan
        assert plan is not None
        vote = Vote("ben", "e-ben", "ben", ("dba",), plan.digest, True, "because", self.now, preview)
        return Ordered(Word.VOTE, "ben", "because", vote)


def test_people_see_it_before_they_are_asked() -> None:
    """A grant of its own under the lesser access, a play, the proof that the grant is gone; then the question."""
    story = Story()
    assert (story.incident.state, story.incident.effect) == (State.OPENING, Effect.OPEN_GRANT)
    assert story.body("grant.intent") == {"access": "web-observer", "preview": True}
    assert story.incident.at_hand == make_preview()
    story.hears(MINTED)
    assert story.incident.effect is Effect.RUN_PLAY
    story.hears(OK)
    assert story.incident.effect is Effect.CLOSE_GRANT
    story.hears(GONE)
    assert (story.incident.state, story.incident.effect) == (State.APPROVING, Effect.ASK)
    plan = story.incident.course.plan
    assert plan is not None
    assert story.body("plan.previewed") == {
        "digest": plan.digest,
        "preview": SEEN.digest,
        "changes": 1,
        "why": "would change 1 thing",
    }
    assert story.incident.at_hand == plan
    assert [
        body["preview"]
        for kind, body in zip(story.kinds, story.bodies, strict=True)
        if kind.startswith(("grant.", "play."))
    ] == [True] * 5


def test_then_exactly_the_plan_is_done() -> None:
    """The yes opens the plan's own grant; the preview neither counts as a try at the repair nor as one that worked."""
    story = Story(limits=replace(make_course().limits, attempts=1))
    for message in (MINTED, OK, GONE, heard.Asked(("chat",))):
        story.hears(message)
    assert story.body("approval.asked")["preview"] == SEEN.digest
    assert not story.incident.has_repaired
    story.hears(story.yes(SEEN.digest))
    assert story.body("approval.given")["preview"] == SEEN.digest
    assert story.incident.effect is Effect.OPEN_GRANT
    assert story.body("grant.intent") == {"access": "web-operator"}
    assert [(one.number, one.preview) for one in story.incident.attempts] == [(1, True), (2, False)]
    for message in (MINTED, heard.PlayEnded(PlayOutcome.FAILED, "it failed"), GONE):
        story.hears(message)
    assert story.incident.state is State.ESCALATED, "one try at the repair is all that there was"


@pytest.mark.parametrize("outcome", [PlayOutcome.FAILED, PlayOutcome.TIMED_OUT])
def test_one_that_fails_is_no_reason_not_to_ask(outcome: PlayOutcome) -> None:
    """The question says why nobody knows what would change."""
    story = Story()
    for message in (MINTED, heard.PlayEnded(outcome, "web1: no sudo"), GONE):
        story.hears(message)
    assert story.incident.effect is Effect.ASK
    assert ("preview", "could not be previewed: web1: no sudo") in question_lines(story.incident)


def test_no_grant_no_preview_and_people_are_asked() -> None:
    """A grant that is refused is not waited for; one that may come is, for ten seconds."""
    story = Story()
    story.hears(heard.GrantNotMinted("permission denied", retryable=False))
    assert story.incident.effect is Effect.ASK
    assert story.incident.previewed == Previewed(why_not="no grant could be opened for it: permission denied")
    story = Story()
    story.hears(heard.GrantNotMinted("Vault does not answer", retryable=True))
    assert story.incident.state is State.OPENING
    story.now += 11 * SECOND
    story.hears()
    story.hears(heard.GrantNotMinted("Vault does not answer", retryable=True))
    assert story.incident.effect is Effect.ASK


def test_what_can_not_be_recorded_is_given_up_in_time() -> None:
    """A journal that takes nothing keeps the preview from beginning, not people from being asked."""
    story = Story()
    story.hears(heard.NotStarted("nothing starts that can't be recorded", may_last=True))
    assert story.incident.state is State.OPENING
    story.now += 11 * SECOND
    story.hears()
    story.hears(heard.NotStarted("nothing starts that can't be recorded", may_last=True))
    assert story.incident.state is State.APPROVING


def test_a_runner_that_dies_makes_it_once_more() -> None:
    """Check mode changes nothing, so what nobody saw is made again; the second time it is given up. Both grants are closed."""
    story = Story(idempotent=False)
    for number in (1, 2):
        story.hears(replace(MINTED, accessor=f"accessor-{number}"))
        story.hears(heard.Interrupted())
        assert story.incident.effect is Effect.CLOSE_GRANT
        story.hears(GONE)
    assert story.incident.effect is Effect.ASK
    assert [one.proven_at for one in story.incident.attempts] == [NOW, NOW]
    assert story.incident.previewed is not None
    assert "the runner died" in story.incident.previewed.why_not


def test_a_grant_that_is_not_proven_gone_does_not_keep_people_from_knowing() -> None:
    """They are asked after the first proof that failed; a yes is taken when the grant is gone."""
    story = Story()
    story.hears(MINTED)
    story.hears(OK)
    story.hears(heard.GrantNotProvenGone("Vault is sealed"))
    story.now += 2 * SECOND
    story.hears()
    assert (story.incident.state, story.incident.effect) == (State.CLOSING, Effect.ASK)
    assert any("is not over yet" in text for _, text in question_lines(story.incident))
    story.hears(heard.Asked(("chat",)))
    assert story.incident.effect is Effect.CLOSE_GRANT
    assert "waits for no approval" in refusal(story.incident, story.yes())
    story.hears(GONE)
    assert (story.incident.state, story.incident.effect) == (State.APPROVING, None)
    story.hears(story.yes())
    assert story.incident.effect is Effect.OPEN_GRANT


def test_nobody_is_asked_in_a_maintenance_window_while_its_grant_is_slow_to_close() -> None:
    """The grant goes on being closed; people are asked when the window is over, as about everything else."""
    opens = (NOW + 3 * SECOND).time()
    window = Window("backup", "p.yml:2", ("web1",), Schedule("day", opens, "UTC"), 5 * MINUTE)
    story = Story(windows=(window,))
    story.hears(MINTED)
    story.hears(OK)
    story.hears(heard.GrantNotProvenGone("Vault is sealed"))
    story.now += 4 * SECOND
    story.hears()
    assert (story.incident.state, story.incident.effect) == (State.CLOSING, Effect.CLOSE_GRANT)


def test_a_yes_to_a_plan_whose_preview_nobody_has_seen_is_not_taken() -> None:
    """It may come in the same moment as the hosts, after a window that broke the first preview off."""
    story = Story()
    early = make_incident(replace(story.incident.course))
    early = decide(early, [heard.AlertArrived(make_alert())], NOW).incident
    decision = decide(early, [heard.Reserved(()), story.yes()], NOW)
    assert decision.incident.votes == ()
    assert "not shown yet" in str(next(note.body["why"] for note in decision.notes if note.kind == "approval.refused"))


def test_a_channel_that_is_down_does_not_keep_the_grant_from_being_closed() -> None:
    """The question is tried once; closing goes on, and the question comes after it."""
    story = Story()
    story.hears(MINTED)
    story.hears(OK)
    story.hears(heard.GrantNotProvenGone("Vault is sealed"))
    story.now += 2 * SECOND
    story.hears()
    story.hears(heard.NotAsked("chat: it did not take it"))
    story.now += MINUTE
    story.hears()
    assert story.incident.effect in (Effect.CLOSE_GRANT, Effect.ESCALATE)


def test_a_person_can_cancel_it() -> None:
    """Its grant is closed, then the incident is over; nobody is asked."""
    story = Story()
    story.hears(MINTED)
    story.hears(heard.PlayEnded(PlayOutcome.STOPPED, "cancelled"), Ordered(Word.CANCEL, "ada", "no"))
    assert story.incident.effect is Effect.CLOSE_GRANT
    story.hears(GONE)
    assert story.incident.result is Result.CANCELLED
    assert "approval.asked" not in story.kinds


def test_an_alert_that_resolves_meanwhile_is_not_repaired() -> None:
    """Nobody is asked, nothing was repaired."""
    story = Story()
    story.hears(MINTED)
    story.hears(OK, heard.AlertArrived(make_alert("resolved")))
    story.hears(GONE)
    assert story.incident.result is Result.RESOLVED_BY_ITSELF


def test_a_preview_that_hung_may_mean_that_the_host_is_gone() -> None:
    """Then an alert that resolves is no good news by itself."""
    story = Story()
    story.hears(MINTED)
    story.hears(heard.PlayEnded(PlayOutcome.TIMED_OUT, "it hung"), heard.AlertArrived(make_alert("resolved")))
    story.hears(GONE)
    assert story.incident.state is State.ESCALATED
    assert story.incident.escalation is not None
    assert "the preview of the repair had hung" in story.incident.escalation.reason


def test_it_holds_no_host() -> None:
    """A remediation that leaves its hosts held does so when it runs, not when it is shown."""
    story = Story(holds_host=True)
    story.hears(MINTED)
    decision = story.hears(OK)
    assert decision.hold is None


def test_each_try_at_the_repair_has_a_preview_of_its_own() -> None:
    """What a host is like has changed since; a yes to the second try names the second preview."""
    story = Story()
    for message in (MINTED, OK, GONE, heard.Asked(("chat",)), story.yes(), MINTED):
        story.hears(message)
    story.hears(heard.PlayEnded(PlayOutcome.FAILED, "it failed"))
    story.hears(GONE)
    story.now += HOUR
    story.hears()
    story.hears(heard.Reserved(()))
    assert story.incident.previewed is None
    assert story.incident.previews
    other = Previewed()
    for message in (MINTED, replace(OK, previewed=other), GONE, heard.Asked(("chat",))):
        story.hears(message)
    why = refusal(story.incident, story.yes(SEEN.digest))
    assert "is another one than was shown" in why
    assert not refusal(story.incident, story.yes(other.digest))


def test_what_can_not_be_shown_is_said() -> None:
    """A host that the lesser access does not open: people are asked at once, and read why."""
    story = Story(preview=None, no_preview="web1 is in none of the groups of access web-observer (db).")
    assert story.incident.effect is Effect.ASK
    assert story.incident.previewed is not None
    assert "could not be previewed: web1 is in none" in story.incident.previewed.sentence


def test_without_people_there_is_none() -> None:
    """An automatic approval has nobody to show it to; the policy's check refuses that, and the runner does not do it."""
    story = Story(quorum=None)
    assert not story.incident.previews
    assert story.incident.effect is Effect.OPEN_GRANT
