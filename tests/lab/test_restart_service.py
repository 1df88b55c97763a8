# SPDX-License-Identifier: GPL-3.0-or-later
"""restart_service on real hosts: through a grant and a certificate, as the prepared user, with sudo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from tests.lab.api import Lab

NGINX = {"restart_service_name": "nginx", "restart_service_health_url": "http://127.0.0.1/"}


@pytest.mark.core
def test_check_mode_predicts_what_the_repair_then_changes(lab: Lab) -> None:
    """A killed nginx: check mode says which task would change, the repair changes exactly that, a second run nothing."""
    web1 = lab.host("web1")
    web1.run("systemctl kill --signal=KILL nginx; systemctl stop nginx")
    predicted = lab.run_role("restart_service", ["web1"], NGINX, check=True)
    assert web1.active("nginx") != "active"
    repaired = lab.run_role("restart_service", ["web1"], NGINX)
    assert (repaired.code, web1.active("nginx")) == (0, "active")
    assert repaired.changed("web1") == predicted.changed("web1") == ["Restart nginx"]
    assert lab.run_role("restart_service", ["web1"], NGINX).changed("web1") == []
    lab.record_run(role="restart_service", fault="service-failed", run=repaired)
    verified = verify_journal(repaired.journal, None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()


def test_a_repair_that_does_not_help_is_undone(lab: Lab) -> None:
    """Nginx with a configuration that it refuses stays stopped, as found, and one sentence says so."""
    web1 = lab.host("web1")
    good = web1.read("/etc/nginx/nginx.conf")
    web1.run("systemctl stop nginx")
    web1.write("/etc/nginx/nginx.conf", "nonsense;\n")
    try:
        run = lab.run_role("restart_service", ["web1"], NGINX)
        assert run.code != 0
        assert run.sentence.startswith("nginx could not be restarted: ")
        assert "stopped again, as found" in run.sentence
        assert web1.active("nginx") in ("inactive", "failed")
    finally:
        web1.write("/etc/nginx/nginx.conf", good)
        web1.run("systemctl restart nginx")


def test_two_hosts_at_once(lab: Lab) -> None:
    """One run repairs two hosts; the host that was healthy is left alone."""
    lab.host("web2").run("systemctl stop nginx")
    run = lab.run_role("restart_service", ["web1", "web2"], NGINX)
    assert (run.changed("web1"), run.changed("web2")) == ([], ["Restart nginx"])
