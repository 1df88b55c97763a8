# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes with the memory that their end would give back, and the end of one, by a descriptor so that no other process is hit.

Memory is what belongs to a process alone: anonymous pages, and what of them is swapped out. Shared memory and the page cache stay when it ends.
Source: proc(5), pidfd_open(2).
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
KILOBYTE = 1024
START_TIME = 19
LONGEST_NAME = 15
KILLED_WITHIN_SECONDS = 10
MOST_ANCESTORS = 100
NEVER = frozenset(
    {
        "systemd",
        "init",
        "sshd",
        "sshd-session",
        "sshd-auth",
        "dbus-daemon",
        "dbus-broker",
        "sudo",
        "login",
        "agetty",
        "auditd",
    }
)
NEVER_UNITS = frozenset(
    {"ssh.service", "sshd.service", "dbus.service", "dbus-broker.service", "auditd.service", "init.scope"}
)


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        pid: Its number.
        started: When, in ticks since the boot: with its number it is one process and no other.
        name: What it calls itself, at most 15 characters.
        memory: What its end gives back, in bytes.
        unit: The service of systemd that it is in; empty when it is in none.
    """

    pid: int
    started: int
    name: str
    memory: int
    unit: str

    def is_named(self, names: list[str]) -> bool:
        """Whether it has one of these names."""
        return any(self.name == name[:LONGEST_NAME] for name in names)


def never(name: str) -> bool:
    """Whether a process of this name is never ended."""
    return name in NEVER or name.startswith("systemd")


def never_unit(name: str) -> bool:
    """Whether a unit of this name is never ended: what lets people in, systemd's own, and all that belongs to a login."""
    return (
        name in NEVER_UNITS
        or name.startswith(("systemd-", "user@", "ssh@", "sshd@", "getty@"))
        or not name.endswith(".service")
    )


def all_processes(proc: Path = PROC) -> list[Process]:
    """Every process that has memory of its own, without the first one, this one and its ancestors, and those that are never ended."""
    spared = {1, *ancestors(os.getpid(), proc)}
    found = [
        process(int(one.name), proc) for one in proc.iterdir() if one.name.isdigit() and int(one.name) not in spared
    ]
    return [one for one in found if one is not None and not never(one.name) and not (one.unit and never_unit(one.unit))]


def process(pid: int, proc: Path = PROC) -> Process | None:
    """One process, if it lives and has memory of its own."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        name = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").removesuffix("\n")
        cgroups = (proc / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    fields = stat.rpartition(")")[2].split()
    memory = sum(
        int(line.split()[1]) * KILOBYTE for line in status.splitlines() if line.startswith(("RssAnon:", "VmSwap:"))
    )
    if fields[0] in "ZX" or not memory:
        return None
    return Process(pid, int(fields[START_TIME]), name, memory, unit_of(cgroups))


def unit_of(cgroups: str) -> str:
    """The service of the system's systemd that a process is in, out of /proc/PID/cgroup; empty for none and for those of users."""
    for line in cgroups.splitlines():
        _number, controllers, path = [*line.split(":", 2), "", ""][:3]
        parts = path.strip("/").split("/")
        if controllers in ("", "name=systemd") and parts[0] != "user.slice":
            unit = next((part for part in parts if part.endswith(".service")), "")
            if unit:
                return unit
    return ""


def ancestors(pid: int, proc: Path = PROC) -> list[int]:
    """A process, its parent, and so on up to the first."""
    found: list[int] = []
    while pid > 0 and len(found) < MOST_ANCESTORS:
        found.append(pid)
        try:
            status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = int(next((line.split()[1] for line in status.splitlines() if line.startswith("PPid:")), "0"))
    return found


def end(one: Process, grace: float) -> str:
    """End a process, politely and after a grace hard. Says `gone` when it is not there any more, `terminated`, `killed` or `left`.

    The descriptor is opened first and then the process is looked at again: it can be no other from then on.
    """
    if one.pid <= 1:
        raise ValueError("the first process is not ended by this")
    try:
        descriptor = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return "gone"
    try:
        now = process(one.pid)
        if now is None or (now.started, now.name) != (one.started, one.name):
            return "gone"
        for number, said, within in (
            (signal.SIGTERM, "terminated", grace),
            (signal.SIGKILL, "killed", KILLED_WITHIN_SECONDS),
        ):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if has_ended(descriptor, within):
                return said
    finally:
        os.close(descriptor)
    return "left"


def has_ended(descriptor: int, within: float) -> bool:
    """Whether a process has ended, or does so within that many seconds."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(within * 1000))


def available(meminfo: str) -> tuple[int, int]:
    """What is available to new processes without swapping, and all memory, in bytes, out of /proc/meminfo."""
    fields = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    free, total = (int(fields[name].split()[0]) * KILOBYTE for name in ("MemAvailable", "MemTotal"))
    return free, total
