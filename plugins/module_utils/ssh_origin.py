# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the SSH connection comes from by which a module got here: read on the host itself, never guessed. Reads /proc."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ESTABLISHED = "01"
MOST_ANCESTORS = 64


@dataclass(frozen=True)
class Origin:
    """One SSH connection.

    Attributes:
        address: Where it comes from, as the host sees it: the controller, or the last jump host.
        port: The port that it comes from.
        server_port: The port that sshd was reached at.
    """

    address: str
    port: int
    server_port: int

    @property
    def name(self) -> str:
        """What tells it from every other connection of its time."""
        return f"{self.address} {self.port} {self.server_port}"


def plain_address(text: str) -> str:
    """An address in its one usual form, without a zone, IPv4 in IPv6 as IPv4; raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def origin(pid: int, proc: Path = Path("/proc")) -> Origin | None:
    """The connection of the nearest ancestor that has one and that the kernel knows as established; None without."""
    for _pid, environment in _ancestors(pid, proc):
        found = _parsed(environment.get("SSH_CONNECTION", ""))
        if found is not None:
            known = _established(proc)
            return found if (found.address, found.port, found.server_port) in known else None
    return None


def login_user(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The number of the user whom sshd let in, as the nearest ancestor with an SSH connection runs; None without one."""
    for ancestor, environment in _ancestors(pid, proc):
        if _parsed(environment.get("SSH_CONNECTION", "")) is not None and (uid := _real_user(ancestor, proc)):
            return uid
    return None


def _real_user(pid: int, proc: Path) -> int:
    status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:")))


def _ancestors(pid: int, proc: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """A process, its parent, and so on, each with its environment."""
    for _ancestor in range(MOST_ANCESTORS):
        try:
            raw = (proc / str(pid) / "environ").read_bytes().decode("utf-8", "replace")
            status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        yield pid, dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
        pid = int(next((line.split()[1] for line in status.splitlines() if line.startswith("PPid:")), "0"))
        if pid <= 0:
            return


def _parsed(text: str) -> Origin | None:
    words = text.split()
    try:
        address, port, _server, server_port = words
        return Origin(plain_address(address), int(port), int(server_port))
    except ValueError:
        return None


def _established(proc: Path) -> set[tuple[str, int, int]]:
    found: set[tuple[str, int, int]] = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        found.update(_ends(line.split()) for line in lines if line.split()[3] == ESTABLISHED)
    return found


def _ends(fields: list[str]) -> tuple[str, int, int]:
    """The other side's address and port, and our port, of a line of /proc/net/tcp or tcp6."""
    remote, _colon, remote_port = fields[2].partition(":")
    raw = b"".join(int(remote[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(remote), 8))
    return plain_address(str(ipaddress.ip_address(raw))), int(remote_port, 16), int(fields[1].partition(":")[2], 16)
