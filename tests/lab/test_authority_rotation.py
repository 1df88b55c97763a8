# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH authority of real hosts is replaced, as the guide says, and repairs go on all the while."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh import ca_public_key
from tests.lab.guides import commands_of, run_as_shown
from tests.lab.test_prepare_host import DIRECTORY, REFUSED, certificate, log_in
from tests.lab.vault import admin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.api import Lab

__all__ = ["certificate"]

HOSTS = ["web1", "web2"]
GUIDE = "docs/guides/rotating-the-ssh-authority.md"


def vault(lab: Lab, *words: str) -> str:
    """`breakglass vault …` with an admin's login; what it says."""
    command = [sys.executable, "-m", "breakglass.cli.main", "vault", *words, "--settings", str(lab.place.settings)]
    done = subprocess.run(command, env=lab.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def repair(lab: Lab, host: str) -> None:
    """Stop its service, and have it repaired at the operator's door."""
    lab.break_("service-stopped", host)
    run = lab.run_role("restart_service", [host], {"restart_service_name": "nginx"})
    assert run.code == 0, run.text
    assert lab.host(host).active("nginx") == "active"


def believe_new(lab: Lab, key: Path) -> None:
    """Believe hosts by the authority that signs now."""
    (key.parent / "known_hosts").write_text(f"@cert-authority * {ca_public_key(admin(lab.place))}\n", encoding="ascii")


def trusted(lab: Lab, host: str) -> int:
    """How many authorities a host trusts."""
    return len(lab.host(host).read(f"{DIRECTORY}/user_ca.pub").splitlines())


@pytest.mark.timeout(600)  # every host is prepared three times
def test_an_authority_is_replaced_while_repairs_go_on(lab: Lab, certificate: Path) -> None:
    """Two are trusted, one signs; after the switch hosts that were not prepared again are repaired too; at the end one is left.

    Each step is the guide's command, as it stands there.
    """
    another, both, switch, renewed, finish, alone = commands_of(GUIDE, "authority switch")
    web1 = lab.host("web1")
    assert log_in(web1, certificate).returncode == 0
    run_as_shown(lab, another)
    assert "does not sign yet" in vault(lab, "authority", "show")
    run_as_shown(lab, both)
    assert [trusted(lab, host) for host in HOSTS] == [2, 2]
    repair(lab, "web1")

    assert "ssh-breakglass/ is ssh-breakglass-previous/ now" in run_as_shown(lab, switch)
    repair(lab, "web1")
    assert log_in(web1, certificate).returncode == 0, "what the previous one has signed is good until the end"
    run_as_shown(lab, renewed)
    repair(lab, "web2")
    believe_new(lab, certificate)
    assert log_in(web1, certificate).returncode == 0, "the host proves itself by the new one, and lets the old one's in"

    run_as_shown(lab, finish)
    run_as_shown(lab, alone)
    assert [trusted(lab, host) for host in HOSTS] == [1, 1]
    refused = log_in(web1, certificate)
    assert (refused.returncode, "Permission denied" in refused.stderr) == (REFUSED, True), refused.stderr
    repair(lab, "web1")
    assert lab.prepare_hosts(HOSTS).changed("web1") == []
    assert "No rotation is under way" in vault(lab, "authority", "show")
