# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the runner at chosen points of an incident's life; tests/soak/crashes.py goes through all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.crash_site import CrashSite
from tests.support.traces import living_tokens, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation and one journal for all crashes; at the end all of it must be intact."""
    with CrashSite() as made:
        made.start_runner()
        yield made
        made.check_end()
        assert living_tokens(made) == {}


# The commits of an incident that goes well: 1 it waits for its limits, 2 its grant is asked for, 3 its play is to run,
# 4 its grant is to be closed, 5 it is to be verified, 6 it is closed.
@pytest.mark.parametrize(
    ("point", "side", "nth"),
    [
        pytest.param("accept", "after", 1, id="taken in, but nobody was told 202"),
        pytest.param("mint", "after", 1, id="a grant that nothing knows of"),
        pytest.param("commit", "after", 3, id="the play's intent"),
        pytest.param("announce", "after", 2, id="the play's stream named, and nothing more"),
        pytest.param("commit", "before", 4, id="the play's end, seen by nobody"),
        pytest.param("effect", "after", 4, id="the grant gone, but not recorded"),
        pytest.param("commit", "after", 6, id="closed, but not in the journal"),
    ],
)
def test_a_runner_that_is_killed_is_continued_by_the_next(site: CrashSite, point: str, side: str, nth: int) -> None:
    """The alert is repaired once, under grants that are all proven gone, and is in the journal once."""
    pager = site.break_service()
    site.arm(point, side, nth)
    wait_until(lambda: (pager.look(), site.serving.ended())[1] is not None, 60, site.report)

    site.start_runner()

    pager.see_through()
    site.check(pager)
    (closed,) = [event for event in site.events(pager.alert.incident) if event.kind == "incident.closed"]
    assert (closed.body["result"], site.times("started"), pager.repaired_by_hand) == ("repaired", 1, False)
