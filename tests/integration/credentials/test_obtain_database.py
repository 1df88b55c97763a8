# SPDX-License-Identifier: GPL-3.0-or-later
"""Database users under a grant: they work, are clamped to the box, renewed within it, and gone after it."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.forms import UnwritableForm
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import (
    ASKED,
    OBTAINED,
    REFUSED,
    RENEWED,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import TakenName, obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import (
    masked_of,
    moment_of,
    read_credential,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import VaultError
from tests.integration.credentials.engines import EVERYTHING, database_order, dynamic_order, lease_left
from tests.support.postgresql import RefusedStatement

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL


def later(seconds: float) -> datetime:
    return datetime.now(tz=UTC) + timedelta(seconds=seconds)


def users(databases: PostgreSQL) -> set[str]:
    return {name for (name,) in databases.sql("SELECT rolname FROM pg_roles") if name.startswith("v-")}


def test_a_user_works_and_is_gone_with_the_grant(granted: LiveRun, databases: PostgreSQL, vault: PreparedVault) -> None:
    """Its name and password open the database; after closing nobody has them, and nothing remains."""
    credential, _ = obtain(granted.live, database_order(granted, form="plain"))
    directory = granted.run.credential("db")
    name, password = ((directory / file).read_text(encoding="ascii") for file in ("username", "password"))
    assert databases.sql_as(name, password, "SELECT current_user") == [(name,)]
    assert credential.facts == {"username": name}
    assert masked_of(granted.run) == (password,)
    assert password not in granted.everything_written()
    closed = granted.close()
    assert (closed.proof.lease_ids, closed.remains) == ((credential.lease_id,), ())
    assert lease_left(vault.admin, credential.lease_id) is None
    assert not databases.exists(name)
    with pytest.raises(RefusedStatement):
        databases.sql_as(name, password, "SELECT 1")


def test_libpq_finds_user_and_password_by_itself(granted: LiveRun, databases: PostgreSQL) -> None:
    """A service file and the password file beside it are all that psql needs."""
    server = {"host": "127.0.0.1", "port": str(databases.port), "database": "postgres"}
    credential, _ = obtain(granted.live, database_order(granted, server=server))
    directory = granted.run.credential("db")
    done = subprocess.run(
        [databases._programs / "psql", "-X", "-t", "-A", "-w", "service=breakglass", "-c", "SELECT current_user"],
        env={"PGSERVICEFILE": str(directory / "pg_service.conf"), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (credential.facts["username"], "")


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("pgpass", ("pg_service.conf", "pgpass")),
        ("my_cnf", ("my.cnf",)),
        ("environment", ("environment",)),
        ("plain", ("password", "username")),
    ],
)
def test_each_form_has_its_files(granted: LiveRun, databases: PostgreSQL, form: str, files: tuple[str, ...]) -> None:
    """For the owner only."""
    assert databases.pid
    credential, _ = obtain(granted.live, database_order(granted, form=form))
    assert credential.files == files
    assert {(granted.run.credential("db") / name).stat().st_mode & 0o777 for name in files} == {0o600}


@pytest.mark.usefixtures("databases")
def test_a_role_that_gives_more_than_the_box_is_clamped(running: LiveRun, vault: PreparedVault) -> None:
    """A user for half an hour lives no longer than the two minutes that are left, by Vault's own clock."""
    running.open(vault, EVERYTHING, timedelta(minutes=2))
    credential, _ = obtain(running.live, database_order(running, "long"))
    left = lease_left(vault.admin, credential.lease_id)
    assert left is not None
    assert 60 < left <= 120
    assert moment_of(credential.expires_at) <= later(122)
    made, _ = obtain(running.live, dynamic_order("creds/long", mount="database"))
    left = lease_left(vault.admin, made.lease_id)
    assert left is not None
    assert 60 < left <= 120
    assert running.close().remains == ()


@pytest.mark.usefixtures("databases")
def test_a_user_is_renewed_within_the_box(granted: LiveRun, vault: PreparedVault) -> None:
    """Past the half of its life its lease is renewed and the fact is recorded; before, nobody is asked."""
    credential, _ = obtain(granted.live, database_order(granted))
    before = lease_left(vault.admin, credential.lease_id)
    vault.admin.post("sys/leases/renew", {"lease_id": credential.lease_id, "increment": 30})
    Renewer(granted.live).look(later(100))
    assert granted.kinds == [ASKED, OBTAINED]
    Renewer(granted.live).look(later(160))
    assert granted.kinds == [ASKED, OBTAINED, RENEWED]
    after = lease_left(vault.admin, credential.lease_id)
    assert before is not None
    assert after is not None
    assert after > 200
    renewed = read_credential(granted.run, "db")
    assert renewed is not None
    assert renewed.expires_at > credential.expires_at
    assert (renewed.id, renewed.lease_id, renewed.files) == (credential.id, credential.lease_id, credential.files)
    assert granted.close().proof.lease_ids == (credential.lease_id,)


@pytest.mark.usefixtures("databases")
def test_a_user_that_somebody_took_back_is_told_once(granted: LiveRun, vault: PreparedVault) -> None:
    """A lease that is gone can't be renewed; the journal says until when the run believed in it."""
    credential, _ = obtain(granted.live, database_order(granted))
    vault.admin.post("sys/leases/revoke", {"lease_id": credential.lease_id, "sync": True})
    renewer = Renewer(granted.live)
    for _ in range(2):
        with pytest.raises(VaultError):
            renewer.look(later(160))
    assert granted.kinds == [ASKED, OBTAINED, "credential.not_renewed"]
    assert granted.close().proof.proven


def test_a_form_that_can_not_hold_it_leaves_no_user(granted: LiveRun, databases: PostgreSQL) -> None:
    """The user is dropped before the error is seen, and the journal says that nothing came of it."""
    before = users(databases)
    with pytest.raises(UnwritableForm, match="line break"):
        obtain(granted.live, database_order(granted, server={"host": "a\nb", "port": "*", "database": "*"}))
    assert users(databases) == before
    assert granted.kinds == [ASKED, REFUSED]


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize("role", ["missing", "other"])
def test_a_role_that_is_not_there_is_one_sentence(granted: LiveRun, role: str) -> None:
    """Unknown to Vault, or not opened by the access."""
    with pytest.raises(VaultError) as refused:
        obtain(granted.live, database_order(granted, role))
    assert "\n" not in str(refused.value)
    assert granted.close().remains == ()


@pytest.mark.usefixtures("databases")
def test_the_same_order_is_the_same_user(granted: LiveRun) -> None:
    """Asked again in the same way; in another form or of another role the name is taken."""
    first, _ = obtain(granted.live, database_order(granted))
    assert obtain(granted.live, database_order(granted)) == (first, False)
    for other in (database_order(granted, "long"), database_order(granted, form="plain")):
        with pytest.raises(TakenName, match=r"database user v-.*option name"):
            obtain(granted.live, other)
    assert granted.kinds == [ASKED, OBTAINED]


def test_a_database_that_is_away_is_a_known_or_an_unknown_outcome(granted: LiveRun, vault: PreparedVault) -> None:
    """Vault could not make the user: what the journal says of it never claims that nothing is left where that is not known."""
    config = {"plugin_name": "postgresql-database-plugin", "allowed_roles": ["away"], "verify_connection": False}
    config |= {"connection_url": f"postgresql://x:y@127.0.0.1:{free_port()}/x?sslmode=disable"}
    mounts = vault.admin.get("sys/mounts")["data"]
    assert isinstance(mounts, dict)
    if "database/" not in mounts:
        vault.admin.post("sys/mounts/database", {"type": "database"})
    vault.admin.post("database/config/away", config)
    vault.admin.post("database/roles/missing", {"db_name": "away", "creation_statements": ["SELECT 1"]})
    vault.admin.post("database/config/away", config | {"allowed_roles": ["missing"]})
    try:
        with pytest.raises(VaultError) as refused:
            obtain(granted.live, database_order(granted, "missing"))
        assert granted.kinds == ([ASKED] if refused.value.outcome_unknown else [ASKED, REFUSED])
        assert bool(granted.close().remains) is refused.value.outcome_unknown
    finally:
        vault.admin.delete("database/roles/missing")
