# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenBao that can be sealed, and the memory of second factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.support.lasting_openbao import LastingOpenBao

from breakglass.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LastingOpenBao]:
    """A server with an engine for codes."""
    with LastingOpenBao(tmp_path_factory.mktemp("bao") / "server") as server:
        with Client(Connection(url=server.url), server.root_token) as admin:
            admin.post("sys/mounts/totp", {"type": "totp"})
        yield server


@pytest.fixture
def admin(bao: LastingOpenBao) -> Iterator[Client]:
    """Somebody who may do everything."""
    with Client(Connection(url=bao.url, retries=0), bao.root_token) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    made = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    yield made
    made.close()
