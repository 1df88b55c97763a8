# SPDX-License-Identifier: GPL-3.0-or-later
"""How many streams may be open at once: of one entity, and of all."""

from __future__ import annotations

import pytest

from breakglass.web.problems import Problem
from breakglass.web.watchers import Watchers


def test_one_person_does_not_take_the_places_of_others() -> None:
    """Too many of one are refused with 429; somebody else still comes in, and so does who has left."""
    watchers = Watchers(most=9, most_of_one=2)
    watchers.enter("ada")
    watchers.enter("ada")
    with pytest.raises(Problem, match="end one of them") as refused:
        watchers.enter("ada")
    assert (refused.value.status, refused.value.retry_after) == (429, 5)
    watchers.enter("ben")
    watchers.leave("ada")
    watchers.enter("ada")


def test_all_together_leave_room_for_what_is_not_watched() -> None:
    """Too many at all are refused with 503; a refusal takes no place."""
    watchers = Watchers(most=2, most_of_one=2)
    watchers.enter("ada")
    watchers.enter("ben")
    for _ in range(3):
        with pytest.raises(Problem, match="2 people watch") as refused:
            watchers.enter("cy")
        assert refused.value.status == 503
    watchers.leave("ben")
    watchers.enter("cy")
