# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that forgets what closed long ago: the database does, the journal and who reads it do not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import all_events, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_SECONDS = 60
OLDER_MS = 401 * 24 * 3600 * 1000
MOMENTS = {
    "incident": ("opened_at", "closed_at"),
    "inbox": ("heard_at",),
    "stream": ("announced_at", "sealed_at"),
}


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        made.change_policy(lambda trigger: trigger.update(mode="observe", limits={"firing_for": "0s"}))
        yield made


def age(site: Site) -> None:
    """More than a year goes by."""
    with closing(sqlite3.connect(site.scratch / "breakglass.db")) as database, database:
        for table, columns in MOMENTS.items():
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = {column} - {OLDER_MS}")


def breakglass(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(site.place.settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_closed_long_ago_is_forgotten(site: Site) -> None:
    """After 400 days the database has it no more and the journal says so; it is still shown, from there, and nothing is held."""
    with site.runner() as runner:
        old = site.post(runner.url, site.alert())
        site.wait_for(old, "incident.closed")
    age(site)
    with site.runner() as runner:
        young = site.post(runner.url, site.alert(fingerprint="b"))
        site.wait_for(young, "incident.closed")
        wait_until(lambda: old not in site.states(), WITHIN_SECONDS, "it is not forgotten")
        wait_until(
            lambda: (
                [event.body["incidents"] for event in all_events(site) if event.kind == "incidents.pruned"] == [[old]]
            ),
            WITHIN_SECONDS,
            "that is not recorded",
        )
        assert young in site.states()
    with site.runner():
        shown = breakglass(site, "show", old)
        assert shown.returncode == 0, shown.stderr
        assert "observed" in shown.stdout
        assert breakglass(site, "holds").stdout.startswith("No hold is set here."), "no database that was restored"
        wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")


def test_too_short_a_memory(site: Site) -> None:
    """Less than a month is refused: limits, the digest and repeated alerts go by it."""
    text = site.place.settings.read_text(encoding="utf-8")
    site.place.settings.write_text(f"{text}keep_incidents: 7d\n", encoding="utf-8")
    refused = breakglass(site, "holds")
    assert (refused.returncode, "keep_incidents must be at least 30d" in refused.stderr) == (1, True)
