# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose certificates are to be believed no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, NOW, make_incident

from breakglass.domain.early_ends import ended_early
from breakglass.domain.incident import Attempt, PlayOutcome, State

RUNS = Attempt(1, accessor="a", expires_at=NOW + 10 * MINUTE)
DIRECTORY = "2026/11/28/INC-7K2F9X"
STREAMS = [f"{DIRECTORY}/{name}" for name in ("runner", "play-1", "session-1")]


@pytest.mark.parametrize(
    ("attempt", "state", "cancelled_by", "is_over"),
    [
        (RUNS, State.RUNNING, "", False),
        (RUNS, State.RUNNING, "ada", True),
        (RUNS, State.CLOSING, "", True),
        (replace(RUNS, outcome=PlayOutcome.OK), State.VERIFYING, "", True),
        (replace(RUNS, proven_at=NOW), State.ESCALATED, "", True),
        (RUNS, State.CLOSED, "", True),
        (replace(RUNS, expires_at=NOW), State.CLOSED, "", False),
        (replace(RUNS, expires_at=None), State.CLOSED, "", False),
    ],
)
def test_those_of_a_grant_that_is_over_before_it_would_have_been(
    attempt: Attempt,
    state: State,
    cancelled_by: str,
    is_over: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    incident = replace(make_incident(), state=state, attempts=(attempt,), cancelled_by=cancelled_by)
    assert list(ended_early(incident, STREAMS, NOW)) == (STREAMS if is_over else [])


def test_a_further_attempt_has_a_grant_of_its_own() -> None:
    """What the first has left is not to be believed; the second goes on."""
    first = replace(RUNS, outcome=PlayOutcome.FAILED, proven_at=NOW)
    incident = replace(make_incident(), state=State.RUNNING, attempts=(first, replace(RUNS, number=2)))
    streams = [f"{DIRECTORY}/play-1", f"{DIRECTORY}/play-2", f"{DIRECTORY}/session-1"]
    assert list(ended_early(incident, streams, NOW)) == streams[:1]


def test_without_a_grant_there_is_nothing_to_believe() -> None:
    assert not list(ended_early(replace(make_incident(), state=State.CLOSED), STREAMS, NOW))
