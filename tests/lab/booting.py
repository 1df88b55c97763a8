# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host comes and goes: an overlay over the base, a few files of its own, systemd as process 1."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab import cgroups, network
from tests.lab.errors import BrokenLab, FailedCommand
from tests.lab.places import SITE, group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.host import LabHost
    from tests.lab.places import Place

DISK: Final = "1g"  # of a host's own changes; in memory, so that a full disk of a host fills nobody else's
READY_WITHIN_SECONDS: Final = 60
STOP_WITHIN_SECONDS: Final = 20
BETWEEN_LOOKS_SECONDS: Final = 0.1
# Without a unit of its own nspawn does not start a host again that reboots: it leaves with 133, for whoever has started it.
REBOOTING: Final = 'while "$@"; [ $? -eq 133 ]; do :; done'
# On machines with the old hierarchies nspawn shows a host its own memory cgroup read-only; its systemd is to limit services by it, from its first look on.
FIRST: Final = """
if [ -e /sys/fs/cgroup/memory/cgroup.procs ]; then mount -o remount,bind,rw /sys/fs/cgroup/memory || exit 1; fi
exec /lib/systemd/systemd
"""
UNITS: Final = {
    "": ("ssh", "cron", "rsyslog", "prometheus-node-exporter"),
    "web": ("nginx",),
    "db": ("postgresql", "prometheus-postgres-exporter"),
}


def make_disk(place: Place, host: str, trees: Sequence[Path]) -> None:
    """Mount the tree of a host: the base below layers, the uppermost first, and above them a small file system that holds what the host changes."""
    directory = place.host(host)
    for part in ("disk", "root"):
        (directory / part).mkdir(parents=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "breakglass-lab", str(directory / "disk"))
    for part in ("upper", "work"):
        (directory / "disk" / part).mkdir()
    below = ":".join(str(tree) for tree in trees)
    layers = f"lowerdir={below},upperdir={directory}/disk/upper,workdir={directory}/disk/work"
    _do("mount", "-t", "overlay", "-o", layers, "breakglass-lab", str(directory / "root"))


def furnish(place: Place, hosts: dict[str, str], host: str, bootstrap_key: str) -> None:
    """Write what a new host has before its first boot: name, identity, sshd's key, the way in for its preparation."""
    root = place.root(host)
    (root / "etc/hostname").write_text(f"{host}\n", encoding="ascii")
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")
    known = "".join(f"{address} {name}\n" for name, address in hosts.items())
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{known}", encoding="ascii")
    key = root / "etc/ssh/ssh_host_ed25519_key"
    _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host, "-f", str(key))
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    (root / "root/.ssh/authorized_keys").write_text(f"{bootstrap_key}\n", encoding="ascii")
    for kind in ("", group_of(host)):
        for extra in sorted((SITE / "hosts" / (kind or "all")).rglob("*")):
            if extra.is_file():
                target = root / extra.relative_to(SITE / "hosts" / (kind or "all"))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(extra, target)
        if units := UNITS.get(kind):
            _do("systemctl", f"--root={root}", "--quiet", "enable", *(f"{unit}.service" for unit in units))


def boot(place: Place, host: str) -> None:
    """Start it; it outlives us, and comes back when it reboots."""
    machine = f"{place.name}-{host}"
    command = (
        "systemd-nspawn",
        *("--quiet", "--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3", "--link-journal=no"),
        *(f"--directory={place.root(host)}", f"--machine={machine}", f"--hostname={host}"),
        f"--network-namespace-path=/run/netns/{place.namespace_of(host)}",
        *("--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--console=pipe"),
        *("/bin/sh", "-c", FIRST),
    )
    with (place.host(host) / "console.log").open("ab") as console:
        subprocess.run(
            cgroups.entering(place.name, host, "setsid", "--fork", "/bin/sh", "-c", REBOOTING, "sh", *command),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            cwd="/",
            check=True,
        )


def await_boot(host: LabHost) -> None:
    """Wait until systemd says that it is up and sshd listens; raises BrokenLab."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    state = "not running"
    while time.monotonic() < deadline:
        with suppress(BrokenLab, FailedCommand):
            state = host.run(["systemctl", "is-system-running"], check=False, timeout=10).stdout.strip()
            if state in ("running", "degraded"):
                break
        time.sleep(BETWEEN_LOOKS_SECONDS)
    if state != "running":
        failed = host.run(["systemctl", "--failed", "--no-legend", "--plain"], check=False).stdout if host.runs else ""
        raise BrokenLab(f"{host.name} did not come up: {state}. {failed.strip()}")


def shut_down(place: Place, host: str) -> None:
    """Pull the plug: every process of the host ends at once; its disk stays."""
    cgroups.end(place.name, host)


def mounts_of(place: Place) -> list[str]:
    """Everything that is mounted below the lab's directory, the deepest last."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in points if Path(point).is_relative_to(place.directory)]


def remove_disks(place: Place) -> None:
    """Unmount everything below the lab's directory, and remove that; what is of the base stays."""
    for point in reversed(mounts_of(place)):
        _do("umount", "--lazy", point)
    if left := mounts_of(place):
        raise BrokenLab(f"Still mounted: {', '.join(left)}")
    shutil.rmtree(place.directory, ignore_errors=False) if place.directory.exists() else None


def unplug(place: Place, host: str) -> None:
    """Take the host from the network."""
    network.set_link(place, host, "down")


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BrokenLab(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
