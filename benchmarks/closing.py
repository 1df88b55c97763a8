# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to close a grant with twenty leases, and to prove each of them gone."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

if TYPE_CHECKING:
    from breakglass.demo.openbao import OpenBao

LEASES = 20
ROUNDS = 7
LIFE = timedelta(minutes=10)


def measure(vault: OpenBao) -> dict[str, object]:
    """Median seconds, over certificates with leases of a PKI engine that this puts up and takes down again."""
    with Client(Connection(url=vault.url), vault.root_token) as admin:
        admin.post("sys/mounts/bench-pki", {"type": "pki"})
        admin.post("bench-pki/root/generate/internal", {"common_name": "bench", "key_type": "ec"})
        role = {"allow_any_name": True, "generate_lease": True, "key_type": "ec", "max_ttl": "10m", "no_store": False}
        admin.post("bench-pki/roles/bench", role)
        admin.post("sys/policies/acl/bench-pki", {"policy": 'path "bench-pki/issue/*" { capabilities = ["update"] }'})
        took = [_once(admin) for _ in range(ROUNDS)]
        admin.delete("sys/mounts/bench-pki")
    return {"leases": LEASES, "close_and_prove_s": round(statistics.median(took), 3)}


def _once(admin: Client) -> float:
    body = {"policies": ["bench-pki"], "ttl": f"{LIFE.seconds}s", "no_default_policy": True}
    grant = section(admin.post("auth/token/create", body), "auth")
    holder = admin.with_token(text(grant, "client_token"))
    names = [{"common_name": f"host{number}.example.com"} for number in range(LEASES)]
    leases = [text(holder.post("bench-pki/issue/bench", name), "lease_id") for name in names]
    began = time.monotonic()
    close(admin, text(grant, "accessor"), leases)
    return time.monotonic() - began
