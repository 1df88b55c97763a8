# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that opens and closes one grant after the other holds no more after the last than after the first ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.support.openbao import WEB, openbao, prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.openbao import PreparedVault

__all__ = ["openbao", "prepared"]

GROWTH_KIB = 4096


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory with a short name."""
    with tempfile.TemporaryDirectory(prefix="bg") as name:
        yield Path(name)


def test_two_hundred_grants_leave_nothing_behind(prepared: PreparedVault, scratch: Path) -> None:
    """No descriptor, process or directory more, and no memory that grows with the number of grants."""
    body = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "1h"}
    auth = prepared.admin.post("auth/token/create", body)["auth"]
    assert isinstance(auth, dict)
    environment = {
        **os.environ,
        "VAULT_ADDR": prepared.connection.url,
        "VAULT_TOKEN": str(auth["client_token"]),
        "TMPDIR": str(scratch),  # a short name, for the sockets of ssh
    }
    command = [sys.executable, "-m", "benchmarks.many_grants", WEB.name, WEB.hosts[0]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, *_, last = json.loads(done.stdout)["held"]
    assert (last["descriptors"], last["processes"], last["directories"]) == (first["descriptors"], 1, 0)
    assert last["resident_kib"] - first["resident_kib"] < GROWTH_KIB
    assert list(scratch.iterdir()) == []
