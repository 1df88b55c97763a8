# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the faults happen: an OpenBao that lasts, behind a way that can be cut, a PostgreSQL, and what can be seen of them."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    DatabaseRole,
    PkiRole,
    SecretPath,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import apply, desired, plan
from cryptography import x509
from tests.support.cut_proxy import CutProxy
from tests.support.database_engine import prepare_database
from tests.support.lasting_openbao import LastingOpenBao
from tests.support.postgresql import PostgreSQL, programs_or_skip

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCESS = "everything"
SPEC = AccessSpec(
    name=ACCESS,
    hosts=("localhost",),
    ssh_user="breakglass",
    max_time_box=timedelta(minutes=15),
    credentials=(DatabaseRole("database", "app"), PkiRole("pki", "app"), SecretPath("kv2", "kv", "app")),
)


@dataclass(frozen=True)
class Alive:
    """Which of a run's credentials still work; None where nobody can tell at the moment."""

    grant: bool | None
    database: bool | None
    pki: bool | None


class Ground:
    """All parts, prepared by our own code; use it in a `with` block."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="bg-fault-"))
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        """Start and prepare everything."""
        programs = programs_or_skip()
        self.vault = self._parts.enter_context(LastingOpenBao(self.scratch / "openbao"))
        self.postgresql = self._parts.enter_context(PostgreSQL(self.scratch / "postgresql", programs))
        self.proxy = self._parts.enter_context(CutProxy(self.vault.url))
        self.admin = self._parts.enter_context(Client(Connection(url=self.vault.url), self.vault.root_token))
        apply(self.admin, plan(self.admin, desired([SPEC])))
        prepare_database(self.admin, self.postgresql, "app")
        self.admin.post("sys/mounts/pki", {"type": "pki"})
        self.admin.post("pki/root/generate/internal", {"common_name": "test", "key_type": "ec"})
        role = {"allow_any_name": True, "generate_lease": True, "key_type": "ec", "max_ttl": "15m", "no_store": False}
        self.admin.post("pki/roles/app", role)
        self.admin.post("kv/data/app", {"data": {"API_KEY": "not-a-secret-of-anybody"}})
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """A fresh login of an operator, by way of the proxy."""
        body = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "1h"}
        token = text(section(self.admin.post("auth/token/create", body), "auth"), "client_token")
        return {"VAULT_ADDR": self.proxy.url, "VAULT_TOKEN": token}

    def put_right(self) -> None:
        """End every fault, whatever it was."""
        self.proxy.pass_on()
        self.vault.put_right()
        if self.postgresql.pid is None:
            self.postgresql.start()

    def alive(self, facts: Mapping[str, str]) -> Alive:
        """Look at what a run has obtained, past the proxy."""
        return Alive(
            grant=self._known(lambda: facts["accessor"] in self._accessors()),
            database=self._known(lambda: self.postgresql.exists(facts["username"])),
            pki=self._known(lambda: facts["ends"] > _now() and int(facts["serial"], 16) not in self._revoked()),
        )

    def _accessors(self) -> tuple[str, ...]:
        return texts(section(self.admin.list("auth/token/accessors"), "data"), "keys")

    def _revoked(self) -> set[int]:
        pem = text(section(self.admin.get("pki/cert/crl"), "data"), "certificate")
        return {entry.serial_number for entry in x509.load_pem_x509_crl(pem.encode())}

    @staticmethod
    def _known(look: object) -> bool | None:
        with suppress(BreakglassError):
            return bool(look()) if callable(look) else None
        return None


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def records(journal: Path) -> list[dict[str, object]]:
    """Everything that a run has recorded, its own stream first."""
    lines = []
    for path in sorted(journal.glob("*/*/*/*/*.jsonl"), reverse=True):
        lines += path.read_bytes().rpartition(b"\n")[0].splitlines()
    return [json.loads(line) for line in lines]
