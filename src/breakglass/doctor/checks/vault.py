# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault: whether it is reached, and serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import read_health

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS, VAULT
from breakglass.runner import connection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT: Final = "vault"
PATIENCE_SECONDS: Final = 5
MEND: Final = {
    "sealed": "Unseal it; until then nothing starts, and open grants end by themselves",
    "not initialised": "Initialise it (vault operator init), and unseal it",
}


def look(known: Known) -> Iterator[Finding]:
    """What it says of itself."""
    connection = replace(connection_of(known[SETTINGS].vault), timeout=PATIENCE_SECONDS, retries=0)
    client = Client(connection, None)
    known.endings.callback(client.close)
    with Client(replace(connection, namespace=None), None) as asking:
        health = read_health(asking)
    if not health.serves:
        yield wrong(ABOUT, f"{connection.url}: {health}. {MEND[health.state]}")
        return
    known.learn(VAULT, client)
    yield ok(ABOUT, f"{connection.url}: {health}")
