# SPDX-License-Identifier: GPL-3.0-or-later
"""Lending: fetched once, over when it comes back, when its box is over, or when the runner must stop."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.support.incidents import make_course, make_incident, make_plan

from breakglass.domain.incident import Attempt, PlayOutcome
from breakglass.domain.messages import Interrupted, NotStarted, PlayEnded
from breakglass.effects.handover import Handover
from breakglass.effects.lend import Lend, Loan
from breakglass.errors import BreakglassError
from breakglass.store.database import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


@dataclass
class Nothing:
    """Sessions of which there are none, or of which this can't be proven ended.

    Attributes:
        left: What can't be.
        trouble: Why the grant can't be used.
        seen: The grants that were taken, and the ends that were heard.
    """

    left: str = ""
    trouble: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def take(self, incident: Incident, loan: Loan) -> None:
        """Take it."""
        if self.trouble:
            raise BreakglassError(self.trouble)
        self.seen.append((incident.id, loan.accessor))

    def end(self, incident: str, why: str) -> str:
        """End them."""
        self.seen.append((incident, why))
        return self.left


def incident(seconds: int = 60, *, hands_out: bool = True) -> Incident:
    """One whose grant is open."""
    plan = replace(make_plan(), remediation="", time_box_seconds=seconds)
    return replace(
        make_incident(replace(make_course(plan=plan), hands_out=hands_out)), attempts=(Attempt(1, "accessor-1"),)
    )


def nothing_came_back(_incident: str) -> bool:
    return False


def lent(
    one: Incident, given_back: Callable[[str], bool] = nothing_came_back
) -> tuple[Lend, Future[Outcome], ThreadPoolExecutor]:
    """The loan on its way, and how it will end."""
    handover = Handover()
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    lend, pool = Lend(handover, given_back, Nothing()), ThreadPoolExecutor(1)
    return lend, pool.submit(lend.run, one), pool


def fetched(lend: Lend, one: Incident) -> Loan:
    """The loan, as soon as it is there."""
    deadline = time.monotonic() + 10
    while (loan := lend.fetch(one.id)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return loan


def test_it_is_handed_out_once_and_ends_when_it_comes_back() -> None:
    """With the accessor and the meta data by which the borrower checks what it opens; its token is not shown."""
    one = incident()
    lend, ended, pool = lent(one)
    loan = fetched(lend, one)
    plan = one.course.plan
    assert plan is not None
    assert (loan.token, loan.accessor) == ("wrapping-token", "accessor-1")
    assert loan.meta == {"incident": one.id, "attempt": "1", "plan_digest": plan.digest}
    assert "wrapping-token" not in repr(loan)
    assert lend.fetch(one.id) is None
    lend.give_back(one.id)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "given back")
    assert lend.fetch(one.id) is None
    pool.shutdown()


def test_what_did_not_leave_the_runner_can_be_fetched_again() -> None:
    """Nobody has the grant when its going could not be recorded; so it waits on."""
    one = incident()
    lend, ended, pool = lent(one)
    loan = fetched(lend, one)
    lend.put_back(one.id)
    assert lend.fetch(one.id) == loan
    assert lend.fetch(one.id) is None
    lend.give_back(one.id)
    ended.result(10)
    lend.put_back(one.id)
    assert lend.fetch(one.id) is None
    pool.shutdown()


def test_a_grant_that_nobody_fetches_ends_before_its_wrapping_does() -> None:
    """Who comes later asks anew, and raises no alarm about a wrapping token that is dead; one that was fetched goes on."""
    one, handover, pool = incident(), Handover(), ThreadPoolExecutor(1)
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    unfetched = Lend(handover, nothing_came_back, Nothing(), unfetched_seconds=0.1)
    said = pool.submit(unfetched.run, one).result(10)
    assert said == PlayEnded(PlayOutcome.OK, "nobody fetched the grant while it could be opened")
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    waiting = Lend(handover, nothing_came_back, Nothing(), unfetched_seconds=2.0)
    ended = pool.submit(waiting.run, one)
    assert fetched(waiting, one).accessor == "accessor-1"
    time.sleep(2.5)
    assert not ended.done()
    waiting.give_back(one.id)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "given back")
    pool.shutdown()


def test_it_ends_with_its_box() -> None:
    """Also when nobody fetched it."""
    one = incident(seconds=1)
    _, ended, pool = lent(one)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "the time box of the loan is over")
    pool.shutdown()


def test_it_ends_when_it_came_back_elsewhere_or_before_it_began() -> None:
    """To another runner, or while it was being minted: whoever asks the database knows. One that can't be asked says nothing."""
    one, asked = incident(), []

    def given_back(name: str) -> bool:
        asked.append(name)
        if len(asked) == 1:
            raise DatabaseUnavailable("it is away")
        return True

    _, ended, pool = lent(one, given_back)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "withdrawn before it was fetched")
    assert asked == [one.id, one.id]
    pool.shutdown()


def test_it_ends_when_the_runner_must_stop() -> None:
    """And one that begins then, too."""
    one = incident()
    lend, ended, pool = lent(one)
    fetched(lend, one)
    lend.end_all()
    outcome = ended.result(10)
    assert isinstance(outcome, PlayEnded)
    assert outcome.outcome is PlayOutcome.STOPPED
    pool.shutdown()


def test_a_token_that_died_with_its_runner_is_not_lent() -> None:
    """There is nothing to hand out, and a loan of a dead runner is not known."""
    assert isinstance(Lend(Handover(), nothing_came_back, Nothing()).run(incident()), NotStarted)
    assert isinstance(Lend(Handover(), nothing_came_back, Nothing()).recover(incident()), Interrupted)


def test_what_is_not_handed_out_the_runner_uses_itself() -> None:
    """Nobody fetches it; its sessions end before the loan does, and what of them can't be proven ended is told."""
    one = incident(hands_out=False)
    handover, sessions = Handover(), Nothing(left="web1 could not be asked")
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    lend = Lend(handover, nothing_came_back, sessions)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(lend.run, one)
        deadline = time.monotonic() + 10
        while not sessions.seen:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert lend.fetch(one.id) is None
        lend.give_back(one.id)
        assert ended.result(10) == PlayEnded(PlayOutcome.UNKNOWN, "given back; web1 could not be asked")
    assert sessions.seen == [(one.id, "accessor-1"), (one.id, "given back")]


def test_a_grant_that_the_runner_cannot_use_is_closed_at_once() -> None:
    """Vault does not open it, as when its wrapping was used already."""
    one = incident(hands_out=False)
    handover = Handover()
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    assert Lend(handover, nothing_came_back, Nothing(trouble="used already")).run(one) == NotStarted(
        "the runner can't use the grant: used already"
    )


def test_a_loan_of_which_nobody_says_that_it_is_ours_ends() -> None:
    """Another runner may have the incident, and close its grant: nothing goes on under it here."""
    one = incident(hands_out=False)
    handover, sessions = Handover(), Nothing()
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    lend = Lend(handover, nothing_came_back, sessions)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(lend.run, one)
        while not ended.done():
            lend.keep([one.id], time.monotonic() - 1)
            time.sleep(0.005)
        outcome = ended.result(10)
    assert isinstance(outcome, PlayEnded)
    assert (outcome.outcome, "another runner" in outcome.sentence) == (PlayOutcome.STOPPED, True)
    assert sessions.seen[-1] == (one.id, outcome.sentence)


def test_a_person_who_cancels_it_is_told_of() -> None:
    """It is not the same as giving it back."""
    one = incident()
    lend, ended, pool = lent(one)
    fetched(lend, one)
    lend.end(one.id)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "cancelled by a person")
    pool.shutdown()


def test_what_was_extended_ends_at_once() -> None:
    """Of the two only the new one is open, and its own end counts."""
    first = incident(hands_out=False)
    plan = first.course.plan
    assert plan is not None
    course = replace(first.course, plan=replace(plan, extends=first.id))
    more = replace(first, id="INC-MORE", course=course, attempts=(Attempt(1, "accessor-2"),))
    handover, use = Handover(), Nothing()
    handover.put(first.id, 1, "wrapping-token", "accessor-1")
    handover.put(more.id, 1, "another-token", "accessor-2")
    lend, pool = Lend(handover, nothing_came_back, use), ThreadPoolExecutor(2)
    ended = pool.submit(lend.run, first)
    deadline = time.monotonic() + 10
    while not use.seen:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    extended = pool.submit(lend.run, more)
    assert ended.result(10) == PlayEnded(PlayOutcome.OK, "extended by INC-MORE")
    lend.give_back(more.id)
    assert extended.result(10) == PlayEnded(PlayOutcome.OK, "given back")
    assert use.seen[1] == (more.id, "accessor-2")
    pool.shutdown()
