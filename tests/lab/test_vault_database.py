# SPDX-License-Identifier: GPL-3.0-or-later
"""The users that the lab's OpenBao makes of a host's database can end sessions, nothing else, and are gone with their lease."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from tests.lab.vault import admin
from tests.lab.vault_database import role_of

if TYPE_CHECKING:
    from tests.lab.api import Lab


def login(lab: Lab) -> tuple[str, dict[str, str]]:
    """A fresh user: its lease, and how a client logs in from the controller."""
    made = admin(lab.place).get(f"database/creds/{role_of('db1')}")
    credential = section(made, "data")
    how = {"user": text(credential, "username"), "password": text(credential, "password")}
    return text(made, "lease_id"), {"host": lab.host("db1").address, "dbname": "postgres", **how}


def revoke(lab: Lab, lease: str) -> None:
    admin(lab.place).post("sys/leases/revoke", {"lease_id": lease, "sync": True})


def test_a_user_sees_sessions_and_ends_them_and_nothing_else(lab: Lab) -> None:
    """It ends a stuck session of an application; it makes no role, reads no password, and touches no superuser's session."""
    lab.break_("database-idle-in-transaction", "db1")
    lease, how = login(lab)
    try:
        with psycopg.connect(**how, autocommit=True) as session:
            idle = "state = 'idle in transaction' AND usename = 'shop'"
            deadline = time.monotonic() + 10
            end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {idle}"
            while session.execute(end).fetchall() != [(True,)]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            mine = session.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
            assert mine.fetchone() == (False,)
            for forbidden in ("CREATE ROLE other", "SELECT * FROM pg_authid", "CREATE TABLE public.other (id int)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(forbidden)
            supers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(supers)
    finally:
        revoke(lab, lease)
        lab.mend("database-idle-in-transaction", "db1")


def test_nothing_of_a_user_is_left_after_its_lease(lab: Lab) -> None:
    """An open session is ended with it, and OpenBao itself holds no connection."""
    lease, how = login(lab)
    with psycopg.connect(**how, autocommit=True) as session:
        revoke(lab, lease)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**how)
    deadline = time.monotonic() + 5
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'v-%' OR usename = 'vault'"
    while lab.host("db1").run(["runuser", "-u", "postgres", "--", "psql", "-Atc", query]).stdout.strip() != "0":
        assert time.monotonic() < deadline
        time.sleep(0.1)
