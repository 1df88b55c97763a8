# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Vault says of itself."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnexpectedAnswer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import health_of

OPENBAO: dict[str, object] = {
    "initialized": True,
    "sealed": False,
    "standby": False,
    "replication_performance_mode": "disabled",
    "replication_dr_mode": "disabled",
    "server_time_utc": 1795799281,
    "version": "2.7.2",
    "cluster_name": "vault-cluster-49301cc7",
    "cluster_id": "858d7bba-20b3-441e-35ad-d01049f97410",
}
VAULT = {**OPENBAO, "version": "1.17.2", "enterprise": False, "echo_duration_ms": 0, "clock_skew_ms": 0}


@pytest.mark.parametrize(
    ("answer", "said", "serves"),
    [
        (OPENBAO, "OpenBao 2.7.2, unsealed", True),
        (VAULT, "Vault 1.17.2, unsealed", True),
        ({**VAULT, "version": "2.0.0+ent", "enterprise": True}, "Vault 2.0.0+ent, unsealed", True),
        ({**OPENBAO, "version": "1.9.0"}, "Vault 1.9.0, unsealed", True),
        ({**OPENBAO, "standby": True}, "OpenBao 2.7.2, unsealed, on standby", True),
        ({**OPENBAO, "sealed": True, "standby": True}, "OpenBao 2.7.2, sealed", False),
        ({**OPENBAO, "initialized": False, "sealed": True}, "OpenBao 2.7.2, not initialised", False),
    ],
)
def test_what_it_is_and_whether_it_serves(answer: dict[str, object], said: str, *, serves: bool) -> None:
    """Product, version and state are said in one glance; a sealed one and a new one do not serve, a standby does."""
    health = health_of(answer)
    assert str(health) == said
    assert health.serves is serves
    assert health.server_time == datetime(2026, 11, 27, 17, 8, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "2\x1b[2J"},
        {"version": "2" * 100},
        {"version": None},
        {"server_time_utc": 10**30},
        {"server_time_utc": "now"},
        {"sealed": "no"},
        {"initialized": None},
    ],
)
def test_somebody_else_answers(wrong: dict[str, object]) -> None:
    """An answer that no Vault gives is refused with a sentence."""
    with pytest.raises(UnexpectedAnswer):
        health_of({**OPENBAO, **wrong})
