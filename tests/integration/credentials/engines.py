# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines of these tests, their orders, and what is asked of Vault afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.database import DatabaseOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki import PkiOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, whole
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest
from tests.support.live_run import STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.live_run import LiveRun

EVERYTHING: Final = "every-kind"
CANARY: Final = "canary-0f-the-stores"
WAIT_SECONDS: Final = 20.0


def prepare_pki(admin: Client) -> None:
    """Enable `cred-pki/` with two roles: one that keeps leases, and one that does not."""
    admin.post("sys/mounts/cred-pki", {"type": "pki"})
    admin.post("cred-pki/root/generate/internal", {"common_name": "test authority", "key_type": "ec", "ttl": "48h"})
    role = {
        "allow_any_name": True,
        "key_type": "ec",
        "max_ttl": "24h",
        "enforce_hostnames": False,
        "allow_ip_sans": True,
    }
    admin.post("cred-pki/roles/leased", role | {"generate_lease": True})
    admin.post("cred-pki/roles/unleased", role | {"generate_lease": False})


def prepare_stores(admin: Client) -> None:
    """Write three versions of a secret (the second deleted), and one into a store of version 1."""
    for number in (1, 2, 3):
        admin.post("kv/data/shop/api", {"data": {"user": f"u{number}", "password": f"{CANARY}-{number}"}})
    admin.post("kv/delete/shop/api", {"versions": [2]})
    admin.post("kv/data/shop/deep", {"data": {"nested": {"password": CANARY}, "list": [CANARY]}})
    admin.post("sys/mounts/old-kv", {"type": "kv", "options": {"version": "1"}})
    admin.post("old-kv/shop", {"password": CANARY})


def ssh_order(*hosts: str, longest: timedelta | None = None, access: str = EVERYTHING) -> SshOrder:
    """A certificate for hosts."""
    return SshOrder(access, hosts or ("web1",), STREAM, longest)


def pki_order(role: str = "leased", form: str = "pem", **other: object) -> PkiOrder:
    """A certificate for shop.example."""
    asked: dict[str, object] = {"common_name": "shop.example", "alternative_names": (), "addresses": ()}
    asked |= {"longest": None, "lease_required": True, "name": "pki", **other}
    return PkiOrder(mount="cred-pki", role=role, form=form, **asked)


def kv_order(path: str = "shop/api", version: int = 0, form: str = "environment", key: str = "") -> SecretOrder:
    """A secret of the store of version 2."""
    return SecretOrder("secret", SecretRequest(Engine.KV2, "kv", path, version), form, key)


def dynamic_order(path: str, parameters: Mapping[str, object] | None = None, mount: str = "cred-pki") -> SecretOrder:
    """What an engine makes, as JSON."""
    return SecretOrder("made", SecretRequest(Engine.DYNAMIC, mount, path, parameters=parameters), "json", "")


def database_order(
    run: LiveRun, role: str = "shop", form: str = "pgpass", server: Mapping[str, str] | None = None
) -> DatabaseOrder:
    """A user of a role."""
    where = server or {"host": "*", "port": "*", "database": "*"}
    return DatabaseOrder("db", "database", role, form, run.run.credential("db"), where)


def lease_left(admin: Client, lease_id: str) -> int | None:
    """Seconds that are left of a lease; None when it is gone."""
    try:
        return whole(section(admin.ask("sys/leases/lookup", {"lease_id": lease_id}), "data"), "ttl")
    except InvalidRequest:
        return None


def token_lives(admin: Client, accessor: str) -> bool:
    """Whether a token is still there."""
    try:
        admin.ask("auth/token/lookup-accessor", {"accessor": accessor})
    except InvalidRequest as error:
        assert "invalid accessor" in str(error)  # noqa: PT017 - another refusal proves nothing
        return False
    return True


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    limit = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)
