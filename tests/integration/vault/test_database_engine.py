# SPDX-License-Identifier: GPL-3.0-or-later
"""Database users from a real OpenBao in a real PostgreSQL, and what closing a grant leaves of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import closing, grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, whole
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnprovenRevocation
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import access_policy
from tests.support.database_engine import MOUNT, prepare_database
from tests.support.database_session import EndedSession
from tests.support.openbao import DATABASE, grant_request
from tests.support.postgresql import RefusedStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.database_session import DatabaseSession
    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL

ROLE = "app"
MOST_SESSIONS = 80  # below the server's limit of 100


@dataclass(frozen=True)
class User:
    """A database user and the grant under which it was made."""

    accessor: str
    lease_id: str
    name: str
    password: str = field(repr=False)


def wait_for(condition: Callable[[], bool], limit: float = 20.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture(scope="module")
def creds(prepared: PreparedVault, postgresql: PostgreSQL) -> Iterator[str]:
    """The engine's path for new users, which grants of the access db-operator may read as long as this lasts."""
    admin = prepared.admin
    path = prepare_database(admin, postgresql, ROLE)
    policy = f"sys/policies/acl/{access_policy(DATABASE.name)}"
    stands = text(section(admin.get(policy), "data"), "policy")
    admin.post(policy, {"policy": f'{stands}\npath "{path}" {{ capabilities = ["read"] }}\n'})
    yield path
    admin.post(policy, {"policy": stands})
    admin.delete(f"sys/mounts/{MOUNT}")


@pytest.fixture
def user(runner: Client, creds: str) -> User:
    """A user that was made by the token of a grant."""
    request = grant_request(DATABASE.name)
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, request).token, request)
    answer = runner.with_token(opened.token).get(creds)
    made = section(answer, "data")
    assert whole(answer, "lease_duration") <= request.time_box.total_seconds()
    return User(
        accessor=opened.facts.accessor,
        lease_id=text(answer, "lease_id"),
        name=text(made, "username"),
        password=text(made, "password"),
    )


def test_a_user_works_until_its_grant_is_closed(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """A user of a grant stands in pg_roles and logs in; when closing has returned, it is gone and does not."""
    assert postgresql.exists(user.name)
    assert postgresql.sql_as(user.name, user.password, "SELECT current_user") == [(user.name,)]
    proof = closing.close(runner, user.accessor, [user.lease_id])
    assert proof.lease_ids == (user.lease_id,)
    assert not postgresql.exists(user.name)
    with pytest.raises(RefusedStatement, match="password authentication failed"):
        postgresql.sql_as(user.name, user.password, "SELECT 1")


def test_closing_ends_an_open_session(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """A session that is open at closing is ended by the server, so that nobody goes on writing in it."""
    with postgresql.connect_as(user.name, user.password) as session:
        assert session.run("SELECT current_user") == [user.name]
        assert postgresql.sessions_of(user.name) == 1
        closing.close(runner, user.accessor, [user.lease_id])
        assert postgresql.sessions_of(user.name) == 0
        with pytest.raises(EndedSession, match="terminating connection due to administrator command"):
            session.run("SELECT 1")


def test_closing_ends_sessions_that_begin_meanwhile(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """A client that logs in again and again, also while the user is being revoked, has no session left afterwards."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        sessions: list[DatabaseSession] = []

        def log_in_until_refused() -> None:
            with suppress(EndedSession):
                while len(sessions) < MOST_SESSIONS:
                    sessions.append(stack.enter_context(postgresql.connect_as(user.name, user.password)))

        clients = [pool.submit(log_in_until_refused) for _ in range(2)]
        wait_for(lambda: len(sessions) > 5)
        closing.close(runner, user.accessor, [user.lease_id])
        for client in clients:
            client.result()
        assert len(sessions) < MOST_SESSIONS, "the clients stopped by themselves"
        for session in sessions:
            with pytest.raises(EndedSession):
                session.run("SELECT 1")


def test_closing_ends_a_session_inside_a_transaction(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """What an ended session had not committed is not there, and what it holds locked does not stop the closing."""
    postgresql.sql("DROP TABLE IF EXISTS stock; CREATE TABLE stock (bolts int); GRANT ALL ON stock TO PUBLIC")
    with postgresql.connect_as(user.name, user.password) as session:
        session.run("BEGIN")
        session.run("LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
        session.run("INSERT INTO stock VALUES (7)")
        closing.close(runner, user.accessor, [user.lease_id])
    assert not postgresql.exists(user.name)
    assert postgresql.sql("SELECT * FROM stock") == []


def test_a_user_that_owns_a_table_is_gone_all_the_same(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """A table of the user outlives it with what is in it, owned by the superuser."""
    with postgresql.connect_as(user.name, user.password) as session:
        session.run('CREATE TABLE "made by a repair" AS SELECT 7 AS bolts')
        closing.close(runner, user.accessor, [user.lease_id])
    assert not postgresql.exists(user.name)
    assert postgresql.sql('SELECT bolts FROM "made by a repair"') == [("7",)]
    owners = postgresql.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'made by a repair'")
    assert owners == [("postgres",)]
    postgresql.sql('DROP TABLE "made by a repair"')


def test_a_user_that_somebody_dropped_by_hand_is_gone(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """A revocation that finds nothing left to do is done, and does not keep the grant closing for ever."""
    postgresql.sql(f'DROP OWNED BY "{user.name}"; DROP ROLE "{user.name}"')
    assert closing.close(runner, user.accessor, [user.lease_id]).proven


def test_closing_waits_for_a_database_that_is_down(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """While PostgreSQL is down there is no proof, but a reason to try again; after its return closing succeeds."""
    assert postgresql.exists(user.name)
    postgresql.stop()
    try:
        with pytest.raises(UnprovenRevocation, match="Try again") as refusal:
            closing.close(runner, user.accessor, [user.lease_id])
        assert refusal.value.retryable
    finally:
        postgresql.start()
    assert closing.close(runner, user.accessor, [user.lease_id]).proven
    assert not postgresql.exists(user.name)


def test_a_session_of_somebody_else_stays_open(runner: Client, postgresql: PostgreSQL, user: User) -> None:
    """Closing ends the sessions of its own user only."""
    with postgresql.connect_as("postgres", postgresql.password) as other:
        closing.close(runner, user.accessor, [user.lease_id])
        assert other.run("SELECT 7") == ["7"]
