# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that was restored from a backup, beside a journal that went on: nothing starts before a person has looked."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def repair(site: Site, url: str, group: str) -> str:
    """One incident from its alert to its closure."""
    site.service.kill()
    incident = site.post(url, {**site.alert(fingerprint=group), "groupKey": group})
    site.wait_for(incident, "grant.revoked")
    site.post(url, {**site.alert("resolved", fingerprint=group), "groupKey": group})
    site.wait_for(incident, "incident.closed")
    return incident


def hold(site: Site, *arguments: str) -> str:
    command = [sys.executable, "-m", "breakglass.cli.main", *arguments, "--settings", str(site.place.settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.timeout(400)
@pytest.mark.parametrize("backup", [True, False], ids=["an older backup", "no database at all"])
def test_a_database_that_is_older_than_the_journal_holds_everything(site: Site, *, backup: bool) -> None:
    """The hold says which incidents are unknown; it stands until a person lifts it, and is not set again; the journal is intact."""
    database, kept = site.scratch / "breakglass.db", site.scratch / "backup.db"
    site.change_policy(lambda trigger: trigger.update(limits={"cooldown": "0s"}))
    with site.runner() as runner:
        known = repair(site, runner.url, "before the backup")
        with closing(sqlite3.connect(database)) as connection:  # as the guide says, while the runner works
            connection.execute("VACUUM INTO ?", (str(kept),))
    with site.runner() as runner:
        assert "everything" not in hold(site, "holds")
        forgotten = repair(site, runner.url, "after the backup")
    for path in site.scratch.glob("breakglass.db*"):
        path.unlink()
    if backup:
        shutil.copy(kept, database)
    with site.runner() as runner:
        said = hold(site, "holds")
        assert "everything  held by the runner at its start" in said
        assert forgotten in said
        assert (known in said) is not backup
        wait_until(
            lambda: any("DatabaseOlderThanJournal" in one.title for one in site.channel.messages),
            20,
            lambda: str(site.states()),
        )
        held = site.post(runner.url, {**site.alert(fingerprint="now"), "groupKey": "now"})
        (refused,) = site.wait_for(held, "limits.refused")
        assert "the database is older than the journal" in str(refused.body["why"])
        hold(site, "hold", "lift", "--all", "--reason", "looked at all of it")
        site.post(runner.url, {**site.alert("resolved", fingerprint="now"), "groupKey": "now"})
        site.wait_for(held, "incident.closed")
        repair(site, runner.url, "after the hold")
    with site.runner():
        assert "everything" not in hold(site, "holds")
    verified = site.verify()
    assert verified.exit_code == 0, verified.text()
