# SPDX-License-Identifier: GPL-3.0-or-later
"""A session through the runner whose access opens a database, too: a user of its own on a real PostgreSQL, dropped at the session's end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.database_engine import CREATION, MOUNT, opening_database
from tests.support.postgresql import PostgreSQL, programs_or_skip
from tests.support.session_site import AUTOMATIC, granted, session_office, terminal
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office

LIMIT_SECONDS = 40
WORDS = ("--reason", "locks on orders", "--time-box", "5m")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A PostgreSQL."""
    with PostgreSQL(tmp_path_factory.mktemp("postgresql"), programs_or_skip()) as made:
        yield made


@pytest.fixture(scope="module")
def office(database: PostgreSQL) -> Iterator[Office]:
    """One runner for all; its access opens a host and a database."""
    with session_office(AUTOMATIC, opening_database(database, "shop")) as (made, _host):
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks, logged in."""
    made = office.hire("ada", "web-team", factor=False)
    office.log_in(made)
    return made


def query(database: PostgreSQL, sql: str) -> str:
    """A line for a shell on the host: as whom, and where, the session's own variables say."""
    return f'{programs_or_skip() / "psql"} -h 127.0.0.1 -p {database.port} -d postgres -Atc "{sql}"'


def users(database: PostgreSQL) -> list[str]:
    """The database users that Vault has made."""
    return [name for (name,) in database.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1")]


def test_psql_needs_no_word_about_the_user(office: Office, ada: Member, database: PostgreSQL) -> None:
    """Told who it is, and at the end that it is dropped, with the grant that was opened for the session."""
    done = office.run(ada, "ssh", "web1", *WORDS, "--", query(database, "select 'as-' || current_user"))
    assert done.returncode == 0, done.stderr
    user = done.stdout.strip().removeprefix("as-")
    assert user.startswith("v-")
    assert (
        f"*** breakglass: you hold database user {user} (database/shop); its files: $BREAKGLASS_SHOP_PGPASS"
        in done.stderr
    )
    assert done.stderr.splitlines()[-1] == f"Grant revoked, proven. Database user {user} dropped."
    assert users(database) == []
    incident = max(office.site.place.journal.glob("*/*/*/INC-*"), key=lambda path: path.stat().st_mtime).name
    assert office.site.wait_for(incident, "session.ended")[0].body["dropped"] == [user]
    (obtained,) = [
        one.body
        for one in office.site.wait_for(incident, "credential.obtained", count=2)
        if one.body["kind"] == "database"
    ]
    assert obtained["what"] == f"database user {user}"
    assert office.site.verify().exit_code == 0


def test_each_session_has_a_user_of_its_own_that_ends_with_it(
    office: Office, ada: Member, database: PostgreSQL
) -> None:
    """A connection that somebody left open ends, too; the other session goes on."""
    request = granted(office, ada)
    with terminal(office, ada, request) as first, terminal(office, ada, request, "cat") as second:
        first.wait_for_notice("you hold database user")
        second.wait_for_notice("you hold database user")
        both = users(database)
        assert len(both) == 2
        first.type(f"nohup {query(database, 'select pg_sleep(600)')} >/dev/null 2>&1 & exit\n")
        dropped = first.wait_for_end(LIMIT_SECONDS)["dropped"]
        (other,) = users(database)
        assert dropped == [name for name in both if name != other]
        second.socket.send('{"eof": true}')
        assert second.wait_for_end()["dropped"] == [other]
    assert office.run(ada, "release", request).returncode == 0
    assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
    assert users(database) == []


def test_a_grant_that_is_revoked_takes_it_along(office: Office, ada: Member, database: PostgreSQL) -> None:
    """In the middle of the session."""
    request = granted(office, ada)
    with terminal(office, ada, request, "cat") as session:
        session.wait_for_notice("you hold database user")
        held = users(database)
        assert len(held) == 1
        assert office.run(ada, "release", request).returncode == 0
        assert session.wait_for_end(LIMIT_SECONDS)["dropped"] == held
    office.site.wait_for(request, "incident.closed")
    assert users(database) == []


def test_an_extension_brings_another_user_at_the_same_place(office: Office, ada: Member, database: PostgreSQL) -> None:
    """The one before is dropped with its grant."""
    request = granted(office, ada)
    with terminal(office, ada, request) as session:
        session.wait_for_notice("you hold database user")
        session.type(f"{query(database, 'select 1 as first')}; echo used-$((40 + 2))\n")
        session.wait_for("used-42")
        (before,) = users(database)
        status, made = office.call("POST", f"/requests/{request}/extension", ada, {"time_box_seconds": 300})
        assert status == 202, made
        session.wait_for_notice("extended by")
        wait_until(lambda: before not in users(database), LIMIT_SECONDS, f"{before} is still there")
        (after,) = users(database)
        session.type(f"{query(database, chr(39).join(('select ', 'as-', ' || current_user')))}; exit\n")
        session.wait_for(f"as-{after}", LIMIT_SECONDS)
        assert session.wait_for_end()["dropped"] == [after]
    assert office.run(ada, "release", request).returncode == 0


def test_it_is_renewed_while_the_session_lasts(office: Office, ada: Member, database: PostgreSQL) -> None:
    """One that Vault lets live for six seconds is there after twelve."""
    office.admin.post(f"{MOUNT}/roles/shop", {**role_of(office), "default_ttl": "6s"})
    request = granted(office, ada)
    with terminal(office, ada, request, "cat") as session:
        session.wait_for_notice("you hold database user")
        held = users(database)
        until = time.monotonic() + 12
        while time.monotonic() < until:
            assert users(database) == held
            time.sleep(0.5)
        session.socket.send('{"eof": true}')
        assert session.wait_for_end()["dropped"] == held
    assert office.run(ada, "release", request).returncode == 0
    assert office.site.wait_for(request, "credential.renewed")[0].body["credential"]


def role_of(office: Office) -> dict[str, object]:
    """The role as it is in Vault."""
    data = office.admin.get(f"{MOUNT}/roles/shop")["data"]
    assert isinstance(data, dict)
    return {name: data[name] for name in ("db_name", "creation_statements", "revocation_statements", "max_ttl")}


def test_a_database_that_is_down_keeps_nobody_from_the_host(office: Office, ada: Member, database: PostgreSQL) -> None:
    """It may be what they come to mend. They are told, and the record says so."""
    office.admin.post(f"{MOUNT}/roles/shop", {**role_of(office), "creation_statements": ["SELECT no_such_function()"]})
    done = office.run(ada, "ssh", "web1", *WORDS, "--", "echo on-the-host; echo pass-$PGPASSFILE")
    assert (done.returncode, done.stdout) == (0, "on-the-host\npass-\n"), done.stderr
    assert "no database user of database/shop: " in done.stderr
    assert "The session goes on without it." in done.stderr
    assert done.stderr.splitlines()[-1] == "Grant revoked, proven."
    assert users(database) == []
    request = granted(office, ada)
    with terminal(office, ada, request, "cat") as session:
        session.wait_for_notice("no database user of database/shop")
        office.admin.post(f"{MOUNT}/roles/shop", {**role_of(office), "creation_statements": CREATION})
        assert office.call("POST", f"/requests/{request}/extension", ada, {"time_box_seconds": 300})[0] == 202
        session.wait_for_notice("you have a database user now, for sessions that begin from here on.")
    assert office.run(ada, "release", request).returncode == 0
