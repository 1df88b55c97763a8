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
import yaml
from tests.support.postgresql import PostgreSQL, programs_or_skip
from tests.support.site import Site
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


class OnSqlite:
    """The database is a file; it is backed up as the guide says, while the runner works."""

    def __init__(self, site: Site) -> None:
        self._file, self._kept = site.scratch / "breakglass.db", site.scratch / "backup.db"

    def back_up(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("VACUUM INTO ?", (str(self._kept),))

    def lose(self) -> None:
        for path in self._file.parent.glob("breakglass.db*"):
            path.unlink()

    def restore(self) -> None:
        self.lose()
        shutil.copy(self._kept, self._file)


class OnPostgresql:
    """The database is on a server; it is backed up by pg_dump, while the runner works."""

    def __init__(self, site: Site, server: PostgreSQL) -> None:
        self._server, self._kept = server, ""
        secret = site.place.secret("database")
        secret.touch(mode=0o600)
        secret.write_text(server.password, encoding="ascii")
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings |= {
            "name": "runner-a",
            "database_url": f"postgresql://postgres@127.0.0.1:{server.port}/postgres",
            "database_password_file": str(secret),
        }
        site.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def back_up(self) -> None:
        self._kept = self._server.dump()

    def lose(self) -> None:
        self._server.replace_all()

    def restore(self) -> None:
        self._server.replace_all(self._kept)


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Iterator[tuple[Site, OnSqlite | OnPostgresql]]:
    """A site, and its database."""
    with Site() as site:
        if request.param is OnSqlite:
            yield site, OnSqlite(site)
            return
        with PostgreSQL(site.scratch / "postgresql", programs_or_skip()) as server:
            yield site, OnPostgresql(site, server)


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
@pytest.mark.parametrize(
    ("kept", "backup"),
    [(OnSqlite, True), (OnSqlite, False), (OnPostgresql, True)],
    ids=["an older backup", "no database at all", "an older dump of PostgreSQL"],
    indirect=["kept"],
)
def test_a_database_that_is_older_than_the_journal_holds_everything(
    kept: tuple[Site, OnSqlite | OnPostgresql], *, backup: bool
) -> None:
    """The hold says which incidents are unknown; it stands until a person lifts it, and is not set again; the journal is intact."""
    site, database = kept
    site.change_policy(lambda trigger: trigger.update(limits={"cooldown": "0s"}))
    with site.runner() as runner:
        known = repair(site, runner.url, "before the backup")
        database.back_up()
    with site.runner() as runner:
        assert "everything" not in hold(site, "holds")
        forgotten = repair(site, runner.url, "after the backup")
    if backup:
        database.restore()
    else:
        database.lose()
    with site.runner() as runner:
        said = hold(site, "holds")
        assert "everything  held by the runner at its start" in said
        assert forgotten in said
        assert (known in said) is not backup
        wait_until(
            lambda: any("DatabaseOlderThanJournal" in one.title for one in site.channel.messages),
            20,
            lambda: str(site.channel.messages),
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
