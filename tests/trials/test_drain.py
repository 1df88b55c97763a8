# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGTERM: the runner claims nothing new, ends its play through the guard, revokes, and goes; its successor goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.crash_site import CrashSite
from tests.support.storm import Storm
from tests.support.traces import is_gone, living_tokens, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def site() -> Iterator[CrashSite]:
    with CrashSite() as made:
        yield made


def test_a_drained_runner_leaves_no_play_and_no_grant_and_its_successor_repairs(site: CrashSite) -> None:
    """SIGTERM while a play is at work: play ended, grant gone, exit 0; no acknowledged alert is lost; then it goes on."""
    site.start_runner()
    site.gate.touch()
    pager = site.break_service()
    wait_until(lambda: pager.look() or site.times("begun") == 1, 30, site.report)
    accessor = str(site.wait_for(pager.alert.incident, "grant.minted")[0].body["accessor"])

    with Storm(site) as storm:
        wait_until(lambda: len(storm.kept()) >= 3, 10, "the runner does not answer")
        assert site.serving.drain() == 0
        wait_until(lambda: 0 in storm.answers.values(), 10, "the runner still answers")

    assert set(storm.answers.values()) <= {202, 503, 0}
    assert site.processes_of_runs() == {}
    assert site.directories() == []
    assert is_gone(site, accessor)
    assert living_tokens(site) == {}
    assert site.states()[pager.alert.incident] == "waiting"
    site.start_runner()
    site.gate.unlink()
    pager.see_through()
    site.check(pager)
    assert (site.times("started"), pager.repaired_by_hand) == (1, False)
    assert storm.recorded() == sorted(storm.kept())
    site.check_end()
