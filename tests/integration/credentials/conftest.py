# SPDX-License-Identifier: GPL-3.0-or-later
"""A Vault with every engine that a grant can use, and a run with a grant of an access that opens them all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    DatabaseRole,
    HostCertificates,
    KeptSecret,
    PkiHostRole,
    PkiRole,
    SecretPath,
    StaticRole,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import apply, plan
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired
from tests.integration.credentials.engines import CANARY, EVERYTHING, prepare_pki, prepare_stores
from tests.support.database_engine import CREATION, REVOCATION, prepare_database
from tests.support.live_run import LiveRun, live_run
from tests.support.openbao import openbao, prepared
from tests.support.postgresql import postgresql
from tests.support.wrong_date import wrong_date_library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL

__all__ = ["openbao", "postgresql", "prepared", "wrong_date_library"]

STATEMENTS = {"creation_statements": CREATION, "revocation_statements": REVOCATION}
HERE = AccessSpec(
    name=EVERYTHING,
    hosts=("web1", "web2"),
    ssh_user="breakglass",
    max_time_box=timedelta(minutes=15),
    credentials=(
        HostCertificates(),
        PkiRole("cred-pki", "leased"),
        PkiRole("cred-pki", "unleased"),
        PkiRole("cred-pki", "missing"),
        PkiHostRole("cred-pki", "unleased"),
        KeptSecret("kv", "shop/rotated"),
        KeptSecret("kv", "shop/none"),
        StaticRole("database", "fixed"),
        SecretPath("kv2", "kv", "shop/*"),
        SecretPath("kv1", "old-kv", "shop"),
        SecretPath("dynamic", "cred-pki", "issue/leased"),
        SecretPath("dynamic", "database", "creds/long"),
        DatabaseRole("database", "shop"),
        DatabaseRole("database", "long"),
        DatabaseRole("database", "missing"),
    ),
)


@pytest.fixture(scope="session")
def vault(prepared: PreparedVault) -> PreparedVault:
    """Add the access, the PKI engine and the stores."""
    apply(prepared.admin, plan(prepared.admin, desired([HERE])))
    prepare_pki(prepared.admin)
    prepare_stores(prepared.admin)
    return prepared


@pytest.fixture(scope="session")
def databases(vault: PreparedVault, postgresql: PostgreSQL) -> PostgreSQL:
    """Two roles: `shop` as our guide says, `long` whose users outlive any short box."""
    for role in ("shop", "long"):
        prepare_database(vault.admin, postgresql, role)
    vault.admin.post("database/roles/long", {"db_name": "long", "default_ttl": "30m", "max_ttl": "1h"} | STATEMENTS)
    return postgresql


@pytest.fixture
def running() -> Iterator[LiveRun]:
    """A run that is recorded, without a grant; no secret is in its journal afterwards."""
    with live_run() as run:
        yield run
        assert CANARY not in run.everything_written()


@pytest.fixture
def granted(running: LiveRun, vault: PreparedVault) -> LiveRun:
    """The same with an open grant for everything."""
    running.open(vault, EVERYTHING)
    return running
