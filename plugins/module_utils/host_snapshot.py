# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host was like at a moment, read from /proc and asked of systemd: no arguments, no environment, no content of files.

Each part is read by itself: what can't be read is said in its place, and the rest is kept.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .secret_shapes import mask_log

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
WITHIN_SECONDS = 20
MOST_PROCESSES = 4000
MOST_SOCKETS = 4000
MOST_LOG_LINES = 50
LONGEST_LINE = 500
MEMORY = ("MemTotal", "MemFree", "MemAvailable", "SwapTotal", "SwapFree", "Dirty", "Shmem", "SUnreclaim")
UNIT_FACTS = (
    "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,MainPID,StateChangeTimestamp,MemoryCurrent"
)
REAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "overlay", "tmpfs", "nfs", "nfs4"})
STATES = {1: "established", 2: "syn-sent", 3: "syn-recv", 6: "time-wait", 7: "closed", 8: "close-wait", 10: "listening"}
_ESCAPED = re.compile(r"\\([0-7]{3})")


def snapshot(units: list[str], proc: Path = Path("/proc")) -> dict[str, Any]:
    """Everything but files; `units` are those whose state and last log lines are wanted, too."""
    parts: dict[str, Callable[[], Any]] = {
        "system": lambda: system(proc),
        "memory": lambda: memory((proc / "meminfo").read_text(encoding="ascii")),
        "filesystems": lambda: filesystems((proc / "self/mountinfo").read_text(encoding="utf-8", errors="replace")),
        "processes": lambda: processes(proc),
        "sockets": lambda: sockets(proc),
        "sessions": lambda: _ask("who", "--users").splitlines(),
        "failed_units": lambda: _ask(
            "systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"
        ).splitlines(),
        "units": lambda: {unit: unit_facts(unit) for unit in units},
    }
    return {name: _read(part) for name, part in parts.items()}


def system(proc: Path) -> dict[str, Any]:
    """Kernel, boot, load and how long it has been up, in seconds."""
    load = (proc / "loadavg").read_text(encoding="ascii").split()
    return {
        "host": socket.gethostname(),
        "kernel": os.uname().release,
        "boot_id": (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "up_seconds": int(float((proc / "uptime").read_text(encoding="ascii").split()[0])),
        "load": [float(number) for number in load[:3]],
    }


def memory(text: str) -> dict[str, int]:
    """Bytes of the main kinds of memory, out of /proc/meminfo."""
    found = {}
    for line in text.splitlines():
        name, _colon, rest = line.partition(":")
        if name in MEMORY:
            found[name] = 1024 * int(rest.split()[0])
    return found


def filesystems(mountinfo: str) -> list[dict[str, Any]]:
    """Size and free space of each real filesystem, in bytes, and of its inodes."""
    found = []
    for line in mountinfo.splitlines():
        before, _dash, after = line.partition(" - ")
        fields, kind = before.split(), after.split()[0]
        if kind not in REAL:
            continue
        path = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        try:
            state = os.statvfs(path)
        except OSError:
            continue
        block = state.f_frsize
        found.append(
            {
                "path": path,
                "kind": kind,
                "size": state.f_blocks * block,
                "free": state.f_bavail * block,
                "inodes": state.f_files,
                "inodes_free": state.f_favail,
            }
        )
    return found


def processes(proc: Path) -> list[dict[str, Any]]:
    """Who runs: by number, with parent, owner, name, state, memory in bytes and start in clock ticks since the boot."""
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    for number in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())[:MOST_PROCESSES]:
        try:
            text = (proc / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
            owner = (proc / str(number)).stat().st_uid
        except OSError:
            continue  # it has ended
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        found.append(
            {
                "pid": number,
                "ppid": int(fields[1]),
                "uid": owner,
                "name": name,
                "state": fields[0],
                "rss": int(fields[21]) * page,
                "started": int(fields[19]),
            }
        )
    return found


def sockets(proc: Path) -> list[dict[str, Any]]:
    """Open TCP and UDP sockets with the processes that have them."""
    owners = _socket_owners(proc)
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = proc / "net" / kind
        if not table.exists():
            continue
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            found.append(
                {
                    "kind": kind,
                    "local": address(fields[1]),
                    "remote": address(fields[2]),
                    "state": STATES.get(int(fields[3], 16), fields[3]),
                    "uid": int(fields[7]),
                    "pids": sorted(owners.get(fields[9], ())),
                }
            )
            if len(found) == MOST_SOCKETS:
                return found
    return found


def address(text: str) -> str:
    """An address of /proc/net/tcp as people write it."""
    number, _colon, port = text.partition(":")
    packed = b"".join(struct.pack("=I", int(number[at : at + 8], 16)) for at in range(0, len(number), 8))
    version4 = len(packed) == len(b"1234")
    host = socket.inet_ntop(socket.AF_INET if version4 else socket.AF_INET6, packed)
    return f"{host}:{int(port, 16)}" if version4 else f"[{host}]:{int(port, 16)}"


def unit_facts(unit: str) -> dict[str, Any]:
    """What systemd says of a unit, and its last log lines, masked and cut."""
    shown = _ask("systemctl", "show", f"--property={UNIT_FACTS}", "--", unit)
    lines = _ask(
        *("journalctl", f"--unit={unit}", f"--lines={MOST_LOG_LINES}", "--output=short-iso", "--no-pager", "--quiet")
    ).splitlines()
    return {
        "facts": dict(line.split("=", 1) for line in shown.splitlines() if "=" in line),
        "log": [mask_log(line)[:LONGEST_LINE] for line in lines],
    }


def _socket_owners(proc: Path) -> dict[str, set[int]]:
    owners: dict[str, set[int]] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            for descriptor in (entry / "fd").iterdir():
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    owners.setdefault(target[len("socket:[") : -1], set()).add(int(entry.name))
        except OSError:
            continue  # it has ended, or is not ours to look into
    return owners


def _read(part: Callable[[], Any]) -> Any:
    """One part of the picture, or why it is missing."""
    began = time.monotonic()
    try:
        return part()
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        return {"unreadable": f"{type(error).__name__} after {time.monotonic() - began:.1f} s"}


def _ask(*command: str) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=ENVIRONMENT,
        timeout=WITHIN_SECONDS,
        check=False,
    )
    return done.stdout
