# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab boots real hosts that reach each other and nobody else, and leaves nothing behind, however it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.lab import base, booting, cgroups, lab
from tests.lab.errors import BrokenLab, MissingPart
from tests.lab.places import NAMESPACES, SITE, Place, host_names
from tests.lab.site_files import policy_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.host import LabHost

NAME = f"test{os.getpid()}"
REPOSITORY = Path(__file__).parents[2]
CONNECT = "exec 3<>/dev/tcp/{address}/{port}"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if os.geteuid() != 0 or not base.base_directory().is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the lab needs root and its base: make lab")
        pytest.skip("the lab needs root and its base: make lab")
    here = Place(NAME)
    yield here
    lab.down(here)


@pytest.fixture(scope="module")
def hosts(place: Place) -> dict[str, LabHost]:
    return {host.name: host for host in lab.up(place, 4)}


@pytest.mark.core
def test_hosts_are_real(hosts: dict[str, LabHost]) -> None:
    """Each has systemd, sshd and cron, and what its group has; nothing failed."""
    for host in hosts.values():
        assert host.run("systemctl is-system-running").stdout.strip() == "running"
        assert {host.active(unit) for unit in ("ssh", "cron", "prometheus-node-exporter")} == {"active"}
        assert host.run("hostname").stdout.strip() == host.name
    assert [hosts[name].active("nginx") for name in ("web1", "web2", "db1")] == ["active", "active", "inactive"]
    assert hosts["db1"].active("postgresql@15-main") == "active"


def test_hosts_reach_each_other_and_nobody_else(hosts: dict[str, LabHost]) -> None:
    """web1 reaches db1's sshd; there is no route to anything else."""
    web1 = hosts["web1"]
    assert web1.run(CONNECT.format(address=hosts["db1"].address, port=22)).returncode == 0
    refused = web1.run(CONNECT.format(address="192.0.2.1", port=22), check=False)
    assert "Network is unreachable" in refused.stderr
    assert "default" not in web1.run("ip route").stdout


def test_files_of_a_host_are_its_own(hosts: dict[str, LabHost]) -> None:
    """What one host writes no other host and no later lab sees, and a mode is the mode."""
    hosts["web1"].write("/etc/a/b", "one\n", 0o600)
    assert hosts["web1"].read("/etc/a/b") == "one\n"
    assert hosts["web1"].run("stat -c %a /etc/a/b").stdout.strip() == "600"
    assert not hosts["web2"].exists("/etc/a/b")
    assert not (base.base_directory() / "etc/a").exists()


def test_a_host_whose_plug_is_pulled(hosts: dict[str, LabHost], place: Place) -> None:
    """It is down and the others are not; the command says so."""
    booting.shut_down(place, "web2")
    assert [host.runs for host in lab.hosts_of(place)] == [True, False, True, True]
    with pytest.raises(BrokenLab, match="web2 does not run"):
        hosts["web2"].run("true")


@pytest.mark.core
def test_nothing_is_left(hosts: dict[str, LabHost], place: Place) -> None:
    """After `down`, as after a crash, there is no process, mount, directory, namespace or cgroup; a second `down` is fine."""
    assert len(hosts) == 4
    place.state.unlink()  # as if `up` had died
    for _ in range(2):
        lab.down(place)
        assert not cgroups.processes(place.name)
        assert place.name not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        assert not place.directory.exists()
        assert not list(NAMESPACES.glob(f"{place.namespace}*"))
    assert place.name not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout


def test_nothing_is_left_of_an_up_that_was_killed(place: Place) -> None:
    """`kill -9` of `up` when the first host has begun to boot: `down` removes the half of a lab that is there."""
    command = [sys.executable, "-m", "tests.lab", "--name", place.name, "up"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as rising:
        deadline = time.monotonic() + 60
        while not cgroups.processes(place.name):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        rising.kill()
    assert place.directory.exists()
    lab.down(place)
    assert not cgroups.processes(place.name)
    assert place.name not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert not place.directory.exists()
    assert not list(NAMESPACES.glob(f"{place.namespace}*"))


@pytest.mark.parametrize("count", [1, 2])
def test_a_lab_may_be_small(place: Place, count: int) -> None:
    """Without a database, and the accesses and triggers that are about one, it comes up, prepared."""
    command = [sys.executable, "-m", "tests.lab", "--name", place.name, "up", "--hosts", str(count)]
    risen = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert risen.returncode == 0, risen.stdout + risen.stderr
    for host in lab.hosts_of(place):
        assert (
            "CA"
            in host.run("sshd -T -C user=breakglass,host=x,addr=127.0.0.1 | grep -i trustedusercakeys").stdout.upper()
        )
    lab.down(place)


def test_only_a_small_lab_has_another_policy() -> None:
    """With a host of each group it is the file's own text, comments and all."""
    policy = (SITE / "breakglass.yml").read_text(encoding="utf-8")
    assert policy_for(policy, {"web", "db", "app"}) == policy_for(policy, {"web", "db"}) == policy
    small = yaml.safe_load(policy_for(policy, {"web"}))
    assert "lab-database" not in small["access"]
    assert "database-connections" not in [trigger["name"] for trigger in small["triggers"]]
    assert [drill["name"] for drill in small["drills"]] == ["nginx", "nginx-in-check-mode"]


def test_a_layer_that_there_is_not_is_named(place: Place) -> None:
    """Nothing is built, and nothing booted."""
    with pytest.raises(MissingPart, match=r"There is no layer nonsense\. There are: servers"):
        lab.up(place, 1, ["nonsense"])
    assert not place.directory.exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "A", "a b", "x" * 32])
def test_names_that_lead_out(name: str) -> None:
    """A lab's name is a name."""
    with pytest.raises(BrokenLab):
        Place(name)


def test_names_of_hosts() -> None:
    """The first four are those that the guides speak of; no name comes twice."""
    assert host_names(4) == ["web1", "web2", "db1", "app1"]
    assert len(set(host_names(50))) == 50
