# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for each login method, against a real OpenBao."""

from __future__ import annotations

import logging
import pickle
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import Order, open_grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    RefusedLogin,
    UnusableRequest,
    UsedWrapping,
    VaultError,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import end_login
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import known_methods, login_method
from tests.support.login_vault import refusal, works
from tests.support.login_ways import WAYS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.login_vault import TlsVault

every_way = pytest.mark.parametrize("name", WAYS)


@every_way
def test_it_logs_in_and_the_token_ends(login_vault: TlsVault, tmp_path: Path, name: str) -> None:
    """The right login gives a live token of ours, which is dead after it was ended, and shows no secret."""
    with WAYS[name](login_vault, tmp_path) as way:
        method = login_method(way.options, {})
        login = works(method, way.client)
        text = repr(method) + str(method) + repr(login) + str(login)
        assert not [secret for secret in (*way.secrets, login.token) if secret in text]
        assert way.faults == []


@every_way
def test_a_wrong_one_is_one_sentence_without_a_secret(
    login_vault: TlsVault, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A login that Vault refuses says what, where and what to do, and neither text nor log nor chain has a secret."""
    caplog.set_level(logging.DEBUG)
    with WAYS[name](login_vault, tmp_path) as way:
        before = login_vault.tokens()
        error = refusal(login_method({**way.options, **way.wrong}, {}), way.client, *way.secrets)
        assert isinstance(error, RefusedLogin | UsedWrapping)
        assert str(error).endswith(".")
        assert not [secret for secret in way.secrets if secret in caplog.text]
        assert login_vault.tokens() <= before
        assert way.faults == []


@every_way
def test_what_holds_a_secret_is_not_pickled(login_vault: TlsVault, tmp_path: Path, name: str) -> None:
    """No secret leaves the process by pickle: a method is refused, or holds but the path of its file."""
    with WAYS[name](login_vault, tmp_path) as way:
        method = login_method(way.options, {})
        try:
            content = pickle.dumps(method)
        except UnusableRequest:
            content = b""
        assert not [secret for secret in way.secrets if secret.encode() in content]
        login = method.authenticate(way.client)
        end_login(way.client.with_token(login.token), login)
        with pytest.raises(UnusableRequest):
            pickle.dumps(login)


@every_way
def test_a_login_ends_with_the_grant_that_failed(login_vault: TlsVault, tmp_path: Path, name: str) -> None:
    """When the grant can't be opened, the login made for it is revoked before the error is told."""
    run = RunDirectory(tmp_path)
    request = GrantRequest("nowhere", timedelta(minutes=5), "test", {"reason": "a test"})
    with WAYS[name](login_vault, tmp_path) as way:
        before = login_vault.tokens()
        order = Order(way.client.connection, login_method(way.options, {}), request, {})
        with pytest.raises(VaultError) as caught:
            open_grant(order, run, 1)
        text = "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in way.secrets if secret in text]
        assert login_vault.tokens() <= before


def test_every_method_has_a_test() -> None:
    """The folder of login methods holds those that are tested here and those that take a token of yours, and no more."""
    made = {name.removeprefix("wrapped-").removesuffix("-mfa") for name in WAYS}
    assert set(known_methods()) == made | {"token", "token_file"}
