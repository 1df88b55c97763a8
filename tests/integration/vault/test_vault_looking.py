# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking Vault what it is, and a login what it may: no token, no attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import policies
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.capabilities import (
    DENY,
    capabilities,
    rights_of,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import read_health
from tests.support.lasting_openbao import LastingOpenBao

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.openbao import PreparedVault


def test_health_of_one_that_serves(prepared: PreparedVault) -> None:
    """It tells product, version, that it is unsealed, and its clock, to who has no token."""
    with Client(prepared.connection, None) as nobody:
        health = read_health(nobody)
    assert (health.product, health.serves, health.state) == ("OpenBao", True, "unsealed")
    assert health.version.startswith("2.")
    assert abs(health.server_time - datetime.now(UTC)) < timedelta(seconds=30)


def test_health_of_one_that_is_sealed(tmp_path: Path) -> None:
    """A sealed one answers too, and says that it is."""
    with LastingOpenBao(tmp_path / "bao") as server, Client(Connection(server.url), None) as nobody:
        server.seal()
        health = read_health(nobody)
        assert (health.serves, health.state) == (False, "sealed")
        server.unseal()
        assert read_health(nobody).serves


def test_the_runner_has_the_rights_of_its_policy(runner: Client) -> None:
    """What the login says that it may is what its policy says, word for word, and nothing elsewhere."""
    wanted = rights_of(policies.RUNNER)
    assert capabilities(runner, wanted) == wanted
    elsewhere = ["auth/token/create", "auth/token/create/other", "sys/mounts/other", "kv/data/other"]
    assert set(capabilities(runner, elsewhere).values()) == {DENY}


def test_a_token_that_may_not_ask(operator: Client, prepared: PreparedVault) -> None:
    """An operator's login can't ask; root's says that it is root's."""
    with pytest.raises(DeniedByVault):
        capabilities(operator, ["auth/token/create"])
    assert capabilities(prepared.admin, ["auth/token/create"]) == {"auth/token/create": {"root"}}
