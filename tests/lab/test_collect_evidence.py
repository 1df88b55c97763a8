# SPDX-License-Identifier: GPL-3.0-or-later
"""collect_evidence on a real host, and what other remediations keep before they change something."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.api import Lab

EVIDENCE = "/var/lib/breakglass/evidence"
CANARY = "c4n4ry-of-the-lab"


def kept(lab: Lab, host: str) -> list[str]:
    """The evidence on a host, oldest first."""
    return sorted(lab.host(host).run(f"ls {EVIDENCE} 2>/dev/null; true").stdout.split())


@pytest.mark.core
def test_what_a_host_is_like_is_kept_for_root_alone(lab: Lab) -> None:
    """State and log of a unit, facts of a file, processes and sockets; the digest is in the journal, and no secret anywhere."""
    web1 = lab.host("web1")
    before = kept(lab, "web1")
    web1.run(["logger", "-t", "shop", f"login with password={CANARY}"])
    web1.run(["systemd-run", "--quiet", "--unit=canary", "--collect", "/bin/sh", "-c", f"exec sleep 60 # {CANARY}"])
    web1.run(["systemd-run", "--quiet", "--unit=speaker", "--wait", "--collect", "/bin/echo", f"token={CANARY}"])
    parameters = {
        "collect_evidence_units": ["nginx", "speaker"],
        "collect_evidence_paths": ["/etc/nginx/nginx.conf", "/etc/no-such-file"],
    }
    checked = lab.run_role("collect_evidence", ["web1"], parameters, check=True)
    assert (checked.code, kept(lab, "web1")) == (0, before)
    run = lab.run_role("collect_evidence", ["web1"], parameters)
    web1.run("systemctl stop canary", check=False)
    assert (run.code, run.changed("web1")) == (0, [])
    (name,) = set(kept(lab, "web1")) - set(before)
    text = web1.read(f"{EVIDENCE}/{name}")
    content = json.loads(text)
    assert content["units"]["nginx"]["facts"]["ActiveState"] == "active"
    assert content["files"]["/etc/nginx/nginx.conf"]["sha256"]
    assert content["files"]["/etc/no-such-file"] == {"unreadable": "No such file or directory"}
    assert {"nginx", "sshd", "systemd"} <= {process["name"] for process in content["processes"]}
    assert any(one["local"].endswith(":80") and one["state"] == "listening" for one in content["sockets"])
    assert CANARY not in text
    assert web1.run(["stat", "-c", "%a %U", f"{EVIDENCE}/{name}"]).stdout.strip() == "600 root"
    (told,) = [body for body in run.bodies("task.result") if "sha256" in body]
    assert told["path"] == f"{EVIDENCE}/{name}"
    assert told["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    lab.record_run(role="collect_evidence", fault="none, evidence alone", run=run)


def test_a_repair_keeps_evidence_before_it_changes_anything(lab: Lab) -> None:
    """Of the service as it was found."""
    web1 = lab.host("web1")
    before = kept(lab, "web1")
    web1.run("systemctl kill --signal=KILL nginx; systemctl stop nginx")
    run = lab.run_role("restart_service", ["web1"], {"restart_service_name": "nginx"})
    assert (run.code, web1.active("nginx")) == (0, "active")
    (name,) = set(kept(lab, "web1")) - set(before)
    assert "-restart_service-" in name
    content = json.loads(web1.read(f"{EVIDENCE}/{name}"))
    assert content["units"]["nginx"]["facts"]["ActiveState"] in ("inactive", "failed")


def test_a_repair_goes_on_where_evidence_can_not_be_kept(lab: Lab) -> None:
    """Somebody has put a file where the directory should be."""
    web1 = lab.host("web1")
    web1.run(f"mv {EVIDENCE} {EVIDENCE}.aside && touch {EVIDENCE}")
    try:
        alone = lab.run_role("collect_evidence", ["web1"], {})
        assert alone.code != 0
        web1.run("systemctl stop nginx")
        run = lab.run_role("restart_service", ["web1"], {"restart_service_name": "nginx"})
        assert (run.code, web1.active("nginx")) == (0, "active")
    finally:
        web1.run(f"rm -f {EVIDENCE}; mv {EVIDENCE}.aside {EVIDENCE}; systemctl start nginx")
