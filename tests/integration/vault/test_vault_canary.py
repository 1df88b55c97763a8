# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of a whole life of a grant is found in any text of ours."""

from __future__ import annotations

import logging
import pickle
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import closing, grant, session, ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableRequest, VaultError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.openbao import WEB, grant_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.openbao import PreparedVault


def failure_of(call: Callable[[], object]) -> str:
    try:
        call()
    except VaultError as error:
        return "".join(traceback.format_exception(error)) + repr(error) + repr(error.failure) + repr(error.errors)
    raise AssertionError("it did not fail")


def test_no_text_shows_a_secret(prepared: PreparedVault, caplog: pytest.LogCaptureFixture) -> None:
    """Values, reprs, tracebacks and debug logs of login, mint, unwrap, sign, close and their failures hold no secret."""
    caplog.set_level(logging.DEBUG)
    options = {"auth_method": "approle", "role_id": prepared.role_id, "secret_id": prepared.secret_id}
    method = login_method(options, {})
    login = method.authenticate(prepared.admin)
    runner = prepared.admin.with_token(login.token)
    wrapped = grant.mint_wrapped(runner, grant_request())
    opened = grant.unwrap(runner, wrapped.token, grant_request(), wrapped.accessor)
    own = runner.with_token(opened.token)
    keys = ssh.generate_key_pair()
    request = ssh.SshRequest(("web1",), "INC-TEST", timedelta(minutes=1))
    certificate = ssh.sign(own, WEB.name, keys.public_key, request)
    proof = closing.close(runner, wrapped.accessor)
    values = [prepared, method, login, runner, wrapped, opened, own, keys, certificate, proof, runner.connection]
    texts = [repr(value) + str(value) for value in values]
    texts += [
        failure_of(lambda: grant.unwrap(runner, wrapped.token, grant_request())),
        failure_of(lambda: ssh.sign(own, WEB.name, keys.public_key, request)),
        failure_of(lambda: login_method({"token": opened.token}, {}).authenticate(prepared.admin)),
        failure_of(lambda: closing.close(own, wrapped.accessor)),
        failure_of(lambda: grant.mint_wrapped(runner, grant_request(time_box=timedelta(hours=2)))),
        failure_of(lambda: runner.post("auth/approle/login", {"role_id": prepared.role_id, "secret_id": "x"})),
    ]
    session.revoke(runner)
    texts += [failure_of(lambda: session.lookup(runner)), caplog.text]
    secrets = {
        "runner": login.token,
        "wrapping": wrapped.token,
        "grant": opened.token,
        "secret id": prepared.secret_id,
        "root": prepared.server.root_token,
        "private key": keys.private_key.decode().splitlines()[2],
    }
    found = {name for name, secret in secrets.items() for text in texts if secret in text}
    assert found == set()


def test_a_client_is_not_pickled(prepared: PreparedVault) -> None:
    """A client refuses to be pickled, which would carry its token elsewhere."""
    with pytest.raises(UnusableRequest):
        pickle.dumps(prepared.admin)
