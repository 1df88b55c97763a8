# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose clock is wrong opens no grant: it could tell no end of anything."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import Order, open_grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import ClockSkew
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.live_run import live_run
from tests.support.openbao import grant_request

if TYPE_CHECKING:
    from tests.support.openbao import PreparedVault


@pytest.mark.parametrize(
    ("apart", "words"),
    [(timedelta(minutes=5), "300 s ahead of Vault's"), (timedelta(minutes=-5), "300 s behind Vault's")],
    ids=["ahead", "behind"],
)
def test_a_wrong_clock_is_one_sentence_and_leaves_nothing(
    prepared: PreparedVault, apart: timedelta, words: str
) -> None:
    """It says by how much, and the grant is revoked again."""
    token = prepared.operator_token()
    accessors = section(prepared.admin.list("auth/token/accessors"), "data")
    method = login_method({"auth_method": "token", "token": token}, {})
    order = Order(prepared.connection, method, grant_request(), {"reason": "a test", "ticket": ""})
    with live_run() as made, pytest.raises(ClockSkew) as raised:
        open_grant(order, made.run, os.getpid(), lambda: datetime.now(UTC) + apart)
    assert words in str(raised.value).replace("299 s", "300 s").replace("301 s", "300 s")
    assert "Set the clocks (NTP)" in str(raised.value)
    left = section(prepared.admin.list("auth/token/accessors"), "data")
    assert set(texts(left, "keys")) == set(texts(accessors, "keys"))


def test_a_clock_that_is_a_little_off_is_fine(prepared: PreparedVault) -> None:
    """A minute of difference is what machines have."""
    method = login_method({"auth_method": "token", "token": prepared.operator_token()}, {})
    order = Order(prepared.connection, method, grant_request(), {"reason": "a test", "ticket": ""})
    with live_run() as made:
        opened = open_grant(order, made.run, os.getpid(), lambda: datetime.now(UTC) + timedelta(minutes=1))
        made.opened = opened
        made.close()
