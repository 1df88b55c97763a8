# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins against a real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    RefusedLogin,
    UnusableOption,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault


@pytest.mark.parametrize("variable", ["VAULT_TOKEN", "BAO_TOKEN", "BREAKGLASS_VAULT_TOKEN"])
def test_a_supplied_token_is_looked_up_and_not_ours(prepared: PreparedVault, variable: str) -> None:
    """A token from the environment logs in, and is marked as not made by us."""
    login = login_method({}, {variable: prepared.server.root_token}).authenticate(prepared.admin)
    assert login.token == prepared.server.root_token
    assert not login.made_by_us
    assert login.ttl == timedelta(0)


def test_the_token_file_is_the_last_resort(prepared: PreparedVault, tmp_path: Path) -> None:
    """Without a token, ~/.vault-token is read, trailing newline and all."""
    (tmp_path / ".vault-token").write_text(prepared.server.root_token + "\n")
    login = login_method({}, {"HOME": str(tmp_path)}).authenticate(prepared.admin)
    assert login.token == prepared.server.root_token


def test_an_approle_login_is_ours_and_periodic(prepared: PreparedVault, tmp_path: Path) -> None:
    """Role id and secret id from files give a renewable token of ours with the period as its life."""
    (tmp_path / "role").write_text(prepared.role_id + "\n")
    (tmp_path / "secret").write_text(prepared.secret_id + "\n")
    options = {
        "auth_method": "approle",
        "role_id_file": str(tmp_path / "role"),
        "secret_id_file": str(tmp_path / "secret"),
    }
    login = login_method(options, {}).authenticate(prepared.admin)
    assert (login.made_by_us, login.renewable, login.ttl) == (True, True, timedelta(minutes=10))


def test_an_approle_login_from_the_environment(prepared: PreparedVault) -> None:
    """VAULT_ROLE_ID and VAULT_SECRET_ID serve as well."""
    environ = {"VAULT_ROLE_ID": prepared.role_id, "BAO_SECRET_ID": prepared.secret_id}
    assert login_method({"auth_method": "approle"}, environ).authenticate(prepared.admin).made_by_us


def test_a_wrong_secret_id_is_a_refused_login(prepared: PreparedVault) -> None:
    """A wrong pair is RefusedLogin with Vault's reason, without the secret id."""
    method = login_method({"auth_method": "approle", "role_id": prepared.role_id, "secret_id": "wrong-canary"}, {})
    with pytest.raises(RefusedLogin, match="invalid role or secret ID") as refusal:
        method.authenticate(prepared.admin)
    assert "wrong-canary" not in str(refusal.value)


def test_a_dead_token_is_a_refused_login(prepared: PreparedVault) -> None:
    """An unknown token is RefusedLogin, without the token."""
    with pytest.raises(RefusedLogin) as refusal:
        login_method({"token": "s.canarycanarycanarycanary"}, {}).authenticate(prepared.admin)
    assert "canary" not in str(refusal.value)


def test_no_token_at_all_names_the_ways_out(tmp_path: Path) -> None:
    """Without token, variable and file the error says which of them to set."""
    with pytest.raises(UnusableOption, match="VAULT_TOKEN"):
        login_method({}, {"HOME": str(tmp_path)})


def test_a_session_is_renewed_looked_up_and_revoked(prepared: PreparedVault) -> None:
    """A runner's session can renew itself, has one policy and none by identity, and is dead after revoking."""
    client = prepared.runner()
    assert session.renew(client) == timedelta(minutes=10)
    found = session.lookup(client)
    assert found.policies == {"breakglass-runner"}
    assert not found.identity_policies
    session.revoke(client)
    with pytest.raises(DeniedByVault):
        session.lookup(client)


def test_another_session_is_revoked_by_its_accessor(prepared: PreparedVault, runner: Client) -> None:
    """A restarted runner ends the session of its predecessor, and doing it twice is no error."""
    old = prepared.runner()
    accessor = session.lookup(old).accessor
    session.revoke_other(runner, accessor)
    session.revoke_other(runner, accessor)
    with pytest.raises(DeniedByVault):
        session.lookup(old)
