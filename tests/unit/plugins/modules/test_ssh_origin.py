# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an SSH connection comes from: the nearest ancestor that knows, if the kernel agrees."""

from __future__ import annotations

import ipaddress
import sys
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.ssh_origin import Origin, origin, plain_address

if TYPE_CHECKING:
    from pathlib import Path


def _hex(address: str, port: int) -> str:
    raw = ipaddress.ip_address(address).packed
    words = [int.from_bytes(raw[at : at + 4], sys.byteorder) for at in range(0, len(raw), 4)]
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _process(proc: Path, pid: int, parent: int, environment: str = "") -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "environ").write_text(environment)
    (proc / str(pid) / "status").write_text(f"Name:\tx\nPPid:\t{parent}\n")


def _connections(proc: Path, name: str, *lines: tuple[str, str, str]) -> None:
    (proc / "net").mkdir(exist_ok=True)
    text = "".join(f"   0: {local} {remote} {state} 0 0\n" for local, remote, state in lines)
    (proc / "net" / name).write_text("  sl  local_address rem_address   st\n" + text)


@pytest.mark.parametrize(
    ("table", "local", "remote", "said"),
    [
        ("tcp", "198.18.0.2", "198.18.0.1", "198.18.0.1"),
        ("tcp6", "2001:db8::2", "2001:db8::1", "2001:db8::1"),
        ("tcp6", "::ffff:198.18.0.2", "::ffff:198.18.0.1", "198.18.0.1"),
        ("tcp6", "fe80::2", "fe80::1", "fe80::1%eth0"),
    ],
)
def test_an_ancestor_knows_and_the_kernel_agrees(
    tmp_path: Path, table: str, local: str, remote: str, said: str
) -> None:
    """Sudo clears the environment, so it is looked for upwards; IPv4 over an IPv6 socket is IPv4."""
    _process(tmp_path, 30, 20)
    _process(tmp_path, 20, 10, f"A=b\0SSH_CONNECTION={said} 40000 {local} 2222\0")
    _connections(tmp_path, table, (_hex(local, 2222), _hex(remote, 40000), "01"))
    assert origin(30, tmp_path) == Origin(plain_address(remote), 40000, 2222)


@pytest.mark.parametrize(
    ("remote", "port", "state"), [("198.18.0.9", 40000, "01"), ("198.18.0.1", 40001, "01"), ("198.18.0.1", 40000, "06")]
)
def test_what_the_kernel_does_not_know_is_not_believed(tmp_path: Path, remote: str, port: int, state: str) -> None:
    """Another address, another port, or a connection that has ended: there is none."""
    _process(tmp_path, 30, 1, "SSH_CONNECTION=198.18.0.1 40000 198.18.0.2 22\0")
    _connections(tmp_path, "tcp", (_hex("198.18.0.2", 22), _hex(remote, port), state))
    assert origin(30, tmp_path) is None


@pytest.mark.parametrize(
    "said", ["", "SSH_CONNECTION=\0", "SSH_CONNECTION=web1 1 web2 22\0", "SSH_CONNECTION=1.2.3.4\0"]
)
def test_a_run_that_does_not_come_by_ssh_has_none(tmp_path: Path, said: str) -> None:
    """Nothing, or nonsense, in the environment of all ancestors."""
    _process(tmp_path, 30, 1, said)
    assert origin(30, tmp_path) is None
