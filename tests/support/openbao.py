# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao for tests, prepared by our own code with two accesses; import the fixtures that you need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import (
    AccessSpec,
    apply,
    desired,
    plan,
    secret_id,
)

from breakglass.demo.openbao import OpenBao

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = AccessSpec(name="web-operator", hosts=("web1", "web2"), ssh_user="breakglass", max_time_box=timedelta(minutes=15))
DATABASE = AccessSpec(name="db-operator", hosts=("db1",), ssh_user="breakglass", max_time_box=timedelta(minutes=30))
ACCESSES = (WEB, DATABASE)


@dataclass(frozen=True)
class PreparedVault:
    """A running server with everything of ours in it.

    Attributes:
        server: The server.
        admin: A client with the root token.
        role_id: Role id of the runner's AppRole.
        secret_id: Its secret id.
    """

    server: OpenBao
    admin: Client
    role_id: str
    secret_id: str = field(repr=False)

    @property
    def connection(self) -> Connection:
        """Where it is."""
        return self.admin.connection

    def runner(self) -> Client:
        """Log a new runner in through its AppRole."""
        options = {"auth_method": "approle", "role_id": self.role_id, "secret_id": self.secret_id}
        return self.admin.with_token(login_method(options, {}).authenticate(self.admin).token)

    def operator(self) -> Client:
        """Make a login with only the operator's policy."""
        return self.admin.with_token(self.operator_token())

    def operator_token(self) -> str:
        """Make the token of such a login."""
        body = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "1h"}
        auth = self.admin.post("auth/token/create", body)["auth"]
        assert isinstance(auth, dict)
        return str(auth["client_token"])


def prepare(server: OpenBao) -> PreparedVault:
    """Write everything of ours into a running server, by the code behind `breakglass vault apply`."""
    admin = Client(Connection(url=server.url), server.root_token)
    apply(admin, plan(admin, desired(ACCESSES)))
    role, secret = secret_id(admin)
    return PreparedVault(server=server, admin=admin, role_id=role, secret_id=secret)


def grant_request(access: str = WEB.name, time_box: timedelta = timedelta(minutes=5)) -> GrantRequest:
    """Return a request that the prepared server grants."""
    return GrantRequest(access=access, time_box=time_box, display_name="test", meta={"incident": "INC-TEST"})


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """Run one server for all tests of the session; do not seal it."""
    with OpenBao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(openbao: OpenBao) -> Iterator[PreparedVault]:
    """Prepare that server; do not change its policies and roles, or put them back."""
    vault = prepare(openbao)
    with vault.admin:
        yield vault


@pytest.fixture
def own_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """Run a server for one test only, which may seal, stop or spoil it."""
    with OpenBao(tmp_path_factory.mktemp("own-openbao")) as server:
        yield server
