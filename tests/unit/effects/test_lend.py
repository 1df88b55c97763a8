# SPDX-License-Identifier: GPL-3.0-or-later
"""Lending: fetched once, over when it comes back, when its box is over, or when the runner must stop."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.incidents import make_course, make_incident, make_plan

from breakglass.domain.incident import Attempt, PlayOutcome
from breakglass.domain.messages import Interrupted, NotStarted, PlayEnded
from breakglass.effects.handover import Handover
from breakglass.effects.lend import Lend, Loan
from breakglass.store.database import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


def incident(seconds: int = 60) -> Incident:
    """One whose grant is open."""
    plan = replace(make_plan(), remediation="", time_box_seconds=seconds)
    return replace(make_incident(make_course(plan=plan)), attempts=(Attempt(1, "accessor-1"),))


def nothing_came_back(_incident: str) -> bool:
    return False


def lent(
    one: Incident, given_back: Callable[[str], bool] = nothing_came_back
) -> tuple[Lend, Future[Outcome], ThreadPoolExecutor]:
    """The loan on its way, and how it will end."""
    handover = Handover()
    handover.put(one.id, 1, "wrapping-token", "accessor-1")
    lend, pool = Lend(handover, given_back), ThreadPoolExecutor(1)
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
    assert isinstance(Lend(Handover(), nothing_came_back).run(incident()), NotStarted)
    assert isinstance(Lend(Handover(), nothing_came_back).recover(incident()), Interrupted)
