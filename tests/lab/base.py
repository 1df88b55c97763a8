# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all hosts: one Debian tree, built once, cached under a name that its packages and recipe decide, never changed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.errors import BrokenLab, MissingPart

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE: Final = Path("/var/cache/breakglass-lab")
SUITE: Final = "bookworm"
FIRST: Final = "ca-certificates"
PACKAGES: Final = Path(__file__).with_name("base-packages.txt")
BUILD_WITHIN_SECONDS: Final = 1200
# Off in the base, so that each host has only what is its own. Private keys and ids of the base would be those of all.
FINISH: Final = """
set -e
systemctl disable -q nginx.service postgresql.service pgbouncer.service ssh.service cron.service rsyslog.service \\
    prometheus-node-exporter.service prometheus-postgres-exporter.service
systemctl mask -q systemd-networkd-wait-online.service systemd-resolved.service getty.target console-getty.service \\
    e2scrub_reap.service e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id /usr/sbin/policy-rc.d
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt
"""


def packages(file: Path = PACKAGES) -> list[str]:
    """The packages that a list names."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def base_directory() -> Path:
    """Where the base of today's list is, or will be."""
    recipe = "\n".join([SUITE, FIRST, FINISH, *packages()])
    return CACHE / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


def base_or_fail() -> Path:
    """The built base; raises MissingPart."""
    base = base_directory()
    if not base.is_dir():
        raise MissingPart(f"The lab's base is not built: there is no {base}. Build it as root with: make lab")
    return base


def build_base() -> Path:
    """Build the base if it is not there, about two minutes; raises BrokenLab."""
    base = base_directory()
    CACHE.mkdir(parents=True, exist_ok=True)
    with only_one():
        if not base.is_dir():
            _build(base)
    return base


def _build(base: Path) -> None:
    new = base.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    log = CACHE / "build.log"
    log.unlink(missing_ok=True)
    print(f"Building the base of the lab's hosts in {base}, about two minutes; log in {log} …", flush=True)
    began = time.monotonic()
    do(log, "debootstrap", "--variant=minbase", f"--include={FIRST}", SUITE, str(new), _mirror())
    refuse = new / "usr/sbin/policy-rc.d"
    refuse.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    refuse.chmod(0o755)
    do(log, *_inside(new), "apt-get", "-q", "-y", "--no-install-recommends", "install", *packages())
    do(log, *_inside(new), "/bin/sh", "-c", FINISH)
    new.rename(base)
    print(f"Built in {time.monotonic() - began:.0f} s.", flush=True)


def _inside(tree: Path) -> tuple[str, ...]:
    """In namespaces of its own, so that nothing that an installation starts or mounts is left."""
    start = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    return ("unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", start, str(tree))


def _mirror() -> str:
    """The Debian mirror of this machine itself."""
    command = ("apt-get", "indextargets", "--format", "$(SITE)", f"Codename: {SUITE}")
    sites = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if not sites:
        raise MissingPart(f"This machine has no mirror of Debian {SUITE} in its sources of apt.")
    return sites[0]


def do(log: Path, *command: str) -> None:
    """Run a step of a build, all that it says to a log; raises BrokenLab with the end of that."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C",
        **proxies,
    }
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            timeout=BUILD_WITHIN_SECONDS,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
        raise BrokenLab(f"{command[0]} failed while the base was built; the end of {log} says:\n{end}")


@contextmanager
def only_one() -> Iterator[None]:
    """Build alone on this machine; the next one finds what was built."""
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
