# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Prometheus and Alertmanager see the lab's faults, and one of them comes to the runner and is repaired, unattended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.lab.watching import await_alert, repaired_unattended

if TYPE_CHECKING:
    from tests.lab.api import Lab

    from breakglass.demo.serving import Serving

ALERTS = {
    ("service-stopped", "web2"): "ServiceDown",
    ("disk-full", "app1"): "DiskFull",
    ("expired-certificate", "web2"): "CertificateExpiry",
    ("database-connections", "db1"): "DatabaseConnections",
    ("host-down", "app1"): "HostDown",
    ("freeze", "app1"): "HostDown",
}


@pytest.mark.parametrize(("fault", "host"), ALERTS)
def test_a_fault_is_an_alert(watched: Lab, fault: str, host: str) -> None:
    """It fires while the fault lasts, for that host, and no longer."""
    alert = (ALERTS[fault, host], host)
    await_alert(alert, fires=False)
    watched.break_(fault, host)
    try:
        await_alert(alert, fires=True)
    finally:
        watched.mend(fault, host)
    await_alert(alert, fires=False)


@pytest.mark.core
def test_a_failed_service_is_repaired_unattended(watched: Lab, runner: Serving) -> None:
    """Killed nginx, Prometheus, Alertmanager, runner, grant, certificate, repair, proof, resolved, closed; nobody is told."""
    assert runner.pid
    web1 = watched.host("web1")
    repaired_unattended(watched, "service-failed", "web1", proof=lambda: web1.active("nginx") == "active")
