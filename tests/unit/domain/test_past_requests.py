# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has asked for before, in one line for those who decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.incidents import MINUTE, make_course, make_incident

from breakglass.domain.approvals import Asker, Quorum, Requirement
from breakglass.domain.past_requests import Past, past_of
from breakglass.domain.question import question_lines

QUORUM = Quorum("one", (Requirement(1, ("dba",)),), ("chat",), 15 * MINUTE)


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "no other request"),
        ([None], "1 request"),
        (["justified", "justified"], "2 requests, 2 reviewed as justified"),
        ([None, "unjustified", ""], "3 requests, 1 reviewed as unjustified, 1 without approval, not reviewed yet"),
        (["unclear", "justified"], "2 requests, 1 reviewed as justified, 1 reviewed as unclear"),
    ],
)
def test_it_says_how_many_and_how_they_were_judged(verdicts: list[str | None], sentence: str) -> None:
    """An ordinary request has no verdict; an override has one, or waits for it."""
    assert past_of(verdicts).sentence == sentence


def test_it_stands_in_the_question() -> None:
    """By the name of the person; an alert has none."""
    asker = Asker("ada", "e-ada", "ada-laptop", ("dba",), "it hangs", past=Past(2, justified=2))
    asked = make_incident(make_course(quorum=QUORUM, asked_by=asker))
    assert ("ada in 30 days", "2 requests, 2 reviewed as justified") in question_lines(asked)
    nameless = make_incident(make_course(quorum=QUORUM, asked_by=replace(asker, person="")))
    assert "ada-laptop in 30 days" in dict(question_lines(nameless))
    by_alert = make_incident(make_course(quorum=QUORUM))
    assert not any("30 days" in label for label, _ in question_lines(by_alert))
