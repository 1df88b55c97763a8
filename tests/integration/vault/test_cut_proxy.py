# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults on the way to Vault that tests make are the ones that they say."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnreachableVault
from tests.support.cut_proxy import CutProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.openbao import PreparedVault

POLICY = "sys/policies/acl/test-slow"
RULES = {"policy": 'path "nothing" { capabilities = ["read"] }'}


@pytest.fixture
def proxy(prepared: PreparedVault) -> Iterator[CutProxy]:
    with CutProxy(prepared.server.url) as proxy:
        yield proxy


def client_through(proxy: CutProxy, prepared: PreparedVault, seconds: int) -> Client:
    connection = replace(prepared.connection, url=proxy.url, timeout=seconds, retries=0)
    return Client(connection, prepared.server.root_token)


def test_a_slow_vault_answers_late(proxy: CutProxy, prepared: PreparedVault) -> None:
    """Each answer is held back for the time that was said, and none any more after `pass_on`."""
    with client_through(proxy, prepared, 20) as client:
        session.lookup(client)
        proxy.slow_down(0.3)
        for _ in range(2):
            begin = time.monotonic()
            session.lookup(client)
            assert time.monotonic() - begin >= 0.3
        proxy.slow_down(600)
        proxy.pass_on()
        session.lookup(client)


def test_a_client_that_waits_less_does_not_know_what_happened(proxy: CutProxy, prepared: PreparedVault) -> None:
    """A client whose patience ends before the slow answer comes says that the outcome is unknown; it was done."""
    with client_through(proxy, prepared, 1) as client:
        proxy.slow_down(30)
        with pytest.raises(UnreachableVault) as failure:
            client.post(POLICY, RULES)
    assert failure.value.outcome_unknown
    assert prepared.admin.get(POLICY)["data"]
    prepared.admin.delete(POLICY)


def test_the_end_of_the_test_ends_a_slow_answer(prepared: PreparedVault) -> None:
    """Leaving the `with` block does not wait for answers that are held back."""
    begin = time.monotonic()
    with CutProxy(prepared.server.url) as proxy, client_through(proxy, prepared, 1) as client:
        proxy.slow_down(600)
        with pytest.raises(UnreachableVault):
            session.lookup(client)
    assert time.monotonic() - begin < 60
