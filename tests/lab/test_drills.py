# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on real hosts: by turns, in check mode and for real, and loud when a host no longer trusts our certificates."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.lab.vault import write_secret

from breakglass.demo.channel import Channel
from breakglass.demo.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab

TRUST = "/etc/ssh/sshd_config.d/10-breakglass-remediation.conf"


@pytest.fixture
def told(lab: Lab) -> Iterator[Channel]:
    """What people are told by a runner of the lab that works meanwhile."""
    with Channel() as channel:
        write_secret(lab.place.secret("on-call"), channel.url)
        with Serving(lab.place.settings, lab.place.controller / "runner.log"):
            yield channel


def drill(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "breakglass.cli.main", "drill", *words, "--settings", str(lab.place.settings)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def host_of(done: subprocess.CompletedProcess[str]) -> str:
    """Which host it was on: the first line says it."""
    return done.stdout.splitlines()[0].split(" on ")[1].partition(",")[0]


@pytest.mark.core
def test_a_stopped_service_is_started_by_a_drill_and_not_in_check_mode(lab: Lab, told: Channel) -> None:
    """The same way on a real host, with real certificates; the web hosts come by turns."""
    for host in ("web1", "web2"):
        lab.break_("service-stopped", host)
    try:
        first, second = drill(lab, "run", "nginx-in-check-mode"), drill(lab, "run", "nginx-in-check-mode")
        assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
        assert {host_of(first), host_of(second)} == {"web1", "web2"}
        assert [lab.host(host).active("nginx") for host in ("web1", "web2")] == ["inactive", "inactive"]
        real = drill(lab, "run", "nginx")
        assert real.returncode == 0, real.stdout
        started = host_of(real)
        assert {host for host in ("web1", "web2") if lab.host(host).active("nginx") == "active"} == {started}
        assert [message.title.partition(" came through")[0] for message in told.messages] == [
            f"breakglass DRILL nginx-in-check-mode: service-failed on {host_of(first)}",
            f"breakglass DRILL nginx-in-check-mode: service-failed on {host_of(second)}",
            f"breakglass DRILL nginx: service-failed on {started}",
        ]
    finally:
        for host in ("web1", "web2"):
            lab.mend("service-stopped", host)


def test_a_host_that_trusts_nobody_is_found_before_the_night(lab: Lab, told: Channel) -> None:
    """Its sshd has lost our CA: the drill fails where the play does, and the grant is proven gone all the same."""
    hosts = [lab.host(name) for name in ("web1", "web2")]
    before = hosts[0].read(TRUST)
    try:
        for host in hosts:
            host.write(TRUST, "# somebody's other configuration\n", 0o644)
            host.run("systemctl reload ssh")
        failed = drill(lab, "run", "nginx-in-check-mode")
        assert failed.returncode == 1
        assert "FAILED: INC-DRILL-" in failed.stdout
        assert "repaired: " in failed.stdout.splitlines()[-1]
        message = told.messages[-1]
        assert "FAILED at repaired: a real alert would not have been repaired. You are needed." in message.title
        assert "the grant is gone, proven" in message.text
    finally:
        for host in hosts:
            host.write(TRUST, before, 0o644)
            host.run("systemctl reload ssh")
    assert drill(lab, "run", "nginx-in-check-mode").returncode == 0
