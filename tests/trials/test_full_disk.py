# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariant 5 for the runner: while the disk is full nothing starts that can't be recorded, and nothing is lost."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.support.crash_site import CrashSite
from tests.support.storm import Storm
from tests.support.traces import is_gone, living_tokens, rows, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM_BYTES = 300_000  # that are left on the disk: enough to start on


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation for all of these."""
    with CrashSite() as made:
        yield made


def trouble(site: CrashSite) -> str:
    """Why the runner says that it is not ready; empty when it is."""
    try:
        with urllib.request.urlopen(f"{site.serving.url}/readyz", timeout=10):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def grants(site: CrashSite) -> list[str]:
    """Grants that are alive in Vault."""
    return [accessor for accessor, path in living_tokens(site).items() if "breakglass" in path]


def test_nothing_starts_while_the_journal_is_full_and_the_end_of_a_play_is_not_held_up(site: CrashSite) -> None:
    """Streams on a full disk: the alert is kept, no grant is opened; a play that ends then is revoked at once."""
    full = site.scratch / "full"
    site.options = ("--full", str(full))
    site.start_runner()
    full.touch()
    site.gate.touch()
    pager = site.break_service()
    wait_until(lambda: pager.look() or "can't be written" in trouble(site), 20, site.report)
    assert site.states() == {pager.alert.incident: "waiting"}
    site.serving.kill()
    site.serving.launch()
    wait_until(lambda: pager.look() or "can't be written" in trouble(site), 20, site.report)
    assert (site.times("begun"), grants(site)) == (0, [])

    full.unlink()

    wait_until(lambda: pager.look() or site.times("begun") == 1, 30, site.report)
    (accessor,) = grants(site)
    full.touch()
    site.gate.unlink()
    wait_until(lambda: site.states()[pager.alert.incident] == "verifying", 30, site.report)
    assert is_gone(site, accessor)
    assert rows(site, "SELECT count(*) FROM outbox") != [(0,)]
    full.unlink()
    pager.see_through()
    site.check(pager)
    assert (site.times("started"), pager.repaired_by_hand) == (1, False)
    assert "stream.recovered" in [event.kind for event in site.events(pager.alert.incident)]
    site.check_end()


def test_what_was_acknowledged_before_the_disk_was_full_is_kept(site: CrashSite) -> None:
    """With no room for the database either, webhooks get 503; each that got 202 is in the journal once."""
    largest = max(path.stat().st_size for path in site.scratch.glob("breakglass.db*"))
    site.options = ("--file-limit", str(largest + ROOM_BYTES))
    site.start_runner()

    with Storm(site) as storm:
        wait_until(lambda: 503 in storm.answers.values(), 60, lambda: f"{len(storm.answers)} were taken")

    assert set(storm.answers.values()) <= {202, 503}
    assert len(storm.kept()) > 3
    site.serving.kill()
    site.options = ()
    site.start_runner()
    pager = site.break_service()
    pager.see_through()
    site.check(pager)
    assert storm.recorded() == sorted(storm.kept())
    site.check_end()
