# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao for login methods: a second, TLS listener that takes client certificates, and what logins must show."""

from __future__ import annotations

import json
import secrets
import socket
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, VaultError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import end_login
from tests.support.certificates import Authority, Pair

from breakglass.demo.openbao import OpenBao

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import Login, LoginMethod

POLICY = "login-test"
"""The policy of a login that may look at itself and end itself."""


@dataclass(frozen=True)
class LoginVault:
    """A server in which login methods can be mounted.

    Attributes:
        admin: A client with the root token, without TLS.
        root_token: That token.
        policy: What a login may do, whatever its method.
    """

    admin: Client
    root_token: str = field(repr=False)
    policy: str = POLICY

    @property
    def rules(self) -> dict[str, object]:
        """What to set at every role of every method."""
        return {"token_policies": [self.policy], "token_no_default_policy": True, "token_ttl": "10m"}

    def inside(self, namespace: str) -> LoginVault:
        """The same server, with an admin who works inside a namespace."""
        connection = replace(self.admin.connection, namespace=namespace)
        return LoginVault(Client(connection, self.root_token), self.root_token, self.policy)

    def mount(self, kind: str) -> str:
        """Mount a login method of that kind at a fresh path and return it."""
        path = f"{kind}-{secrets.token_hex(4)}"
        self.admin.post(f"sys/auth/{path}", {"type": kind})
        return path

    def accessor_of(self, mount: str) -> str:
        """Accessor of a mount."""
        mounts = self.admin.get("sys/auth")["data"]
        assert isinstance(mounts, dict)
        return str(mounts[f"{mount}/"]["accessor"])

    def tokens(self) -> set[str]:
        """Accessors of all tokens that live."""
        found = self.admin.list("auth/token/accessors")["data"]
        assert isinstance(found, dict)
        return set(found["keys"])


@dataclass(frozen=True, kw_only=True)
class TlsVault(LoginVault):
    """The same with TLS.

    Attributes:
        tls: The same server over TLS, without a token or client certificate.
        authority: The CA of its certificate.
        demanding_url: A third listener, which serves only clients with a certificate by that CA.
        client: Such a certificate.
    """

    tls: Client
    authority: Authority
    demanding_url: str
    client: Pair


@pytest.fixture(scope="session")
def login_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsVault]:
    """Run one server for all login tests; mount what you need at a path of your own."""
    directory = tmp_path_factory.mktemp("login-vault")
    authority = Authority.create(directory / "tls", "vault-ca")
    port, demanding = _free_port(), _free_port()
    config = directory / "tls.hcl"
    demands = {"tls_require_and_verify_client_cert": True, "tls_client_ca_file": str(authority.path)}
    config.write_text(_listener(authority, port, {}) + _listener(authority, demanding, demands))
    with OpenBao(directory / "server", config) as server:
        connection = Connection(f"https://127.0.0.1:{port}", ca_cert=str(authority.path))
        with Client(Connection(server.url), server.root_token) as admin, Client(connection, None) as tls:
            rules = 'path "auth/token/lookup-self" { capabilities = ["read"] }\n'
            rules += 'path "auth/token/revoke-self" { capabilities = ["update"] }\n'
            admin.put(f"sys/policies/acl/{POLICY}", {"policy": rules})
            url = f"https://127.0.0.1:{demanding}"
            yield TlsVault(
                admin,
                server.root_token,
                tls=tls,
                authority=authority,
                demanding_url=url,
                client=authority.client("known"),
            )


def works(method: LoginMethod, client: Client) -> Login:
    """Log in, find the token alive and ours, end it, and find it dead."""
    login = method.authenticate(client)
    own = client.with_token(login.token)
    assert login.made_by_us
    assert session.lookup(own).policies == {POLICY}
    end_login(own, login)
    with pytest.raises(DeniedByVault):
        session.lookup(own)
    assert login.token not in repr(login) + str(login)
    return login


def refusal(method: LoginMethod, client: Client, *hidden: str) -> VaultError:
    """Log in, which must fail, and return the error, in no text of which anything hidden is found."""
    with pytest.raises(VaultError) as caught:
        method.authenticate(client)
    error = caught.value
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.failure) + repr(method) + str(method)
    assert not [secret for secret in hidden if secret in text]
    assert "\n" not in str(error)
    return error


def at(answer: Mapping[str, object], *names: str) -> str:
    """The text at a path of names in an answer."""
    value: object = answer
    for name in names:
        assert isinstance(value, dict)
        value = value[name]
    return str(value)


def _listener(authority: Authority, port: int, more: Mapping[str, object]) -> str:
    pair = authority.server()
    files = {"tls_cert_file": str(pair.certificate), "tls_key_file": str(pair.key)}
    rules = {"address": f"127.0.0.1:{port}", **files, **more}
    return 'listener "tcp" {\n' + "".join(f"  {name} = {json.dumps(value)}\n" for name, value in rules.items()) + "}\n"


def _free_port() -> int:
    """A port that is free together with the next one, which a listener of the server takes for its cluster."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
