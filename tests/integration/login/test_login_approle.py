# SPDX-License-Identifier: GPL-3.0-or-later
"""AppRole logins: wrapped secret ids, and roles whose tokens could not close a grant."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import RefusedLogin, UsedWrapping
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.login_vault import at, refusal, works
from tests.support.login_ways import approle_role, wrapped_secret_id

if TYPE_CHECKING:
    from tests.support.login_vault import TlsVault


def test_a_wrapped_secret_id_opens_once(login_vault: TlsVault) -> None:
    """The first login with a wrapped secret id works; a second is an alarm that says that someone else was first."""
    role, options = approle_role(login_vault, login_vault.rules)
    wrapping = wrapped_secret_id(login_vault, role)
    method = login_method({**options, "wrapped_secret_id": wrapping}, {})
    works(method, login_vault.admin)
    error = refusal(method, login_vault.admin, wrapping)
    assert isinstance(error, UsedWrapping)
    assert "someone else was first" in str(error)
    assert "stolen" in str(error)


def test_a_wrapped_secret_id_of_another_mount_is_an_alarm(login_vault: TlsVault) -> None:
    """A wrapping token that was not made as a secret id of this mount is not opened: it may have been re-wrapped."""
    role, _ = approle_role(login_vault, login_vault.rules)
    _, options = approle_role(login_vault, login_vault.rules)
    foreign = wrapped_secret_id(login_vault, role)
    wrapped = login_vault.admin.post("sys/wrapping/wrap", {"secret_id": "x"}, wrap_ttl=timedelta(minutes=1))
    rewrapped = at(wrapped, "wrap_info", "token")
    for wrapping in (foreign, rewrapped):
        error = refusal(
            login_method({**options, "wrapped_secret_id": wrapping}, {}), login_vault.admin.with_token(None), wrapping
        )
        assert isinstance(error, UsedWrapping)
        assert "re-wrapped" in str(error)
    looked_up = login_vault.admin.ask("sys/wrapping/lookup", {"token": foreign})
    assert at(looked_up, "data", "creation_path") == f"{role}/secret-id"


@pytest.mark.parametrize(("rules", "said"), [({"token_type": "batch"}, "batch"), ({"token_num_uses": 5}, "counted")])
def test_a_token_that_could_not_close_a_grant_is_refused(
    login_vault: TlsVault, rules: dict[str, object], said: str
) -> None:
    """Batch tokens and tokens of counted uses are refused with the setting to change, and the latter are revoked."""
    role, options = approle_role(login_vault, {**login_vault.rules, **rules})
    secret_id = at(login_vault.admin.post(f"{role}/secret-id", {}), "data", "secret_id")
    before = login_vault.tokens()
    error = refusal(login_method({**options, "secret_id": secret_id}, {}), login_vault.admin, secret_id)
    assert isinstance(error, RefusedLogin)
    assert said in str(error)
    assert "Set token_" in str(error)
    assert login_vault.tokens() <= before


def test_a_login_in_a_namespace(login_vault: TlsVault) -> None:
    """With a namespace, the same mount and a wrapped secret id of that namespace are used."""
    login_vault.admin.post("sys/namespaces/team", {})
    inside = login_vault.inside("team")
    role, options = approle_role(inside, {"token_no_default_policy": True})
    method = login_method({**options, "wrapped_secret_id": wrapped_secret_id(inside, role)}, {})
    login = method.authenticate(inside.admin)
    inside.admin.post("auth/token/revoke-accessor", {"accessor": login.accessor})
