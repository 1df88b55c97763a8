# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the Vault tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from tests.support.openbao import openbao, own_openbao, prepared
from tests.support.postgresql import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault

__all__ = ["openbao", "operator", "own_openbao", "postgresql", "prepared", "runner"]


@pytest.fixture
def runner(prepared: PreparedVault) -> Iterator[Client]:
    """Log a runner in, and end its session (and with it its grants) after the test."""
    client = prepared.runner()
    accessor = session.lookup(client).accessor
    yield client
    session.revoke_other(prepared.admin, accessor)


@pytest.fixture
def operator(prepared: PreparedVault) -> Client:
    """Make a login with the operator's policy only."""
    return prepared.operator()
