# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenBao that opens every kind of credential to every login method, and tells afterwards which secrets there were."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    DatabaseRole,
    HostCertificates,
    PkiRole,
    SecretPath,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import apply, desired, plan
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support import login_ways, raw_audit
from tests.support.certificates import Authority
from tests.support.database_engine import prepare_database
from tests.support.login_vault import TlsVault, at
from tests.support.login_ways import Way, canary
from tests.support.postgresql import PostgreSQL, programs_or_skip

from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS = "everything"
SPEC = AccessSpec(
    name=ACCESS,
    hosts=("localhost", "web1"),
    ssh_user="breakglass",
    max_time_box=timedelta(minutes=15),
    credentials=(
        HostCertificates(),
        DatabaseRole("database", "app"),
        PkiRole("pki", "app"),
        SecretPath("kv2", "kv", "app"),
        SecretPath("kv1", "old", "app"),
        SecretPath("dynamic", "ssh-otp", "creds/app"),
        SecretPath("dynamic", "database", "creds/app"),
    ),
)
STORES = ("kv/data/app", "old/app")
LISTENER = 'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  tls_cert_file = "{pair.certificate}"\n  tls_key_file = "{pair.key}"\n}}\n'
TOKEN_METHODS = ("token", "token-file")


class CanaryGround:
    """All servers, prepared; use it in a `with` block, from the main thread."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="bg-canary-"))
        self.audit = self.scratch / "audit.log"
        public = Ed25519PrivateKey.generate().public_key()
        self.host_key = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        """Start and prepare everything."""
        self.programs = programs_or_skip()
        authority = Authority.create(self.scratch / "tls", "vault-ca")
        connection = Connection(f"https://127.0.0.1:{free_port()}", ca_cert=str(authority.path))
        config = self.scratch / "openbao.hcl"
        listener = LISTENER.format(port=connection.url.rpartition(":")[2], pair=authority.server())
        config.write_text(listener + raw_audit.configuration(self.audit), encoding="utf-8")
        server = self._parts.enter_context(OpenBao(self.scratch / "openbao", config))
        self.postgresql = self._parts.enter_context(PostgreSQL(self.scratch / "postgresql", self.programs))
        admin = self._parts.enter_context(Client(Connection(server.url), server.root_token))
        tls = self._parts.enter_context(Client(connection, None))
        self.vault = TlsVault(
            admin,
            server.root_token,
            OPERATOR_POLICY,
            tls=tls,
            authority=authority,
            demanding_url="",
            client=authority.client("known"),
        )
        self._prepare(admin)
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _prepare(self, admin: Client) -> None:
        apply(admin, plan(admin, desired([SPEC])))
        prepare_database(admin, self.postgresql, "app")
        admin.post("sys/mounts/pki", {"type": "pki"})
        admin.post("pki/root/generate/internal", {"common_name": "test", "key_type": "ec"})
        role = {"allow_any_name": True, "generate_lease": True, "key_type": "ec", "max_ttl": "15m", "no_store": False}
        admin.post("pki/roles/app", role)
        values = {"API_TOKEN": canary("kv ü"), "NESTED": {"INNER": canary("inner")}}
        admin.post("kv/data/app", {"data": {"API_TOKEN": values["API_TOKEN"], "OLD": canary("old-version")}})
        admin.post("kv/data/app", {"data": values})
        admin.post("sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        admin.post("old/app", {"OLD_PASSWORD": canary("kv1")})
        rules = {"type": "ssh", "config": {"default_lease_ttl": "5m", "max_lease_ttl": "15m"}}
        admin.post("sys/mounts/ssh-otp", rules)
        role = {"key_type": "otp", "default_user": "app", "cidr_list": "192.0.2.0/24"}
        admin.post("ssh-otp/roles/app", role)

    @contextmanager
    def way(self, method: str) -> Iterator[Way]:
        """A login method, ready; its files lie here, where nobody searches."""
        directory = Path(tempfile.mkdtemp(prefix="way-", dir=self.scratch))
        if method in TOKEN_METHODS:
            yield self._token(method, directory)
            return
        with login_ways.WAYS[method](self.vault, directory) as way:
            yield way

    def secrets(self, since: int) -> set[str]:
        """Every secret that OpenBao has taken or handed out since its log was that long, but for the root token."""
        return raw_audit.secrets_of(self.audit, since, STORES) - {self.vault.root_token}

    def tokens(self, since: int) -> set[str]:
        """The tokens that OpenBao has handed out since then."""
        return raw_audit.tokens_of(self.audit, since)

    def _token(self, method: str, directory: Path) -> Way:
        body = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "1h"}
        good, wrong = at(self.vault.admin.post("auth/token/create", body), "auth", "client_token"), canary("token")
        way = Way({"auth_method": "token", "token": good}, {"token": wrong}, self.vault.admin, (good, wrong))
        if method == "token":
            return way
        (directory / "good").write_text(good + "\n", encoding="utf-8")
        (directory / "wrong").write_text(wrong, encoding="utf-8")
        options = {"auth_method": "token_file", "token_path": str(directory), "token_file": "good"}
        return replace(way, options=options, wrong={"token_file": "wrong"})
