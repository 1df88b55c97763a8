# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is reached by SSH, out of its variables in the inventory. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT: Final = 22
_JUMPS: Final = ("ProxyJump", "ProxyCommand", "-J")


class Uncomputable(BreakglassError):
    """Raised when only Ansible itself could say how a host is reached."""


@dataclass(frozen=True)
class Way:
    """How a host is reached.

    Attributes:
        host: Its inventory name, by which its certificate is known.
        address: Where it is.
        port: Of its sshd.
        extra: Words for ssh out of the inventory, as jump hosts.
        becomes: Whether the inventory says that plays become root there.
    """

    host: str
    address: str
    port: int
    extra: tuple[str, ...]
    becomes: bool

    @property
    def is_direct(self) -> bool:
        """Whether we ourselves connect to it, and no jump host does."""
        return not any(jump in word for word in self.extra for jump in _JUMPS)


def way_to(host: str, connection: Mapping[str, object]) -> Way:
    """How a host is reached, out of its variables; raises Uncomputable."""
    for name, value in connection.items():
        if isinstance(value, str) and ("{{" in value or "{%" in value):
            raise Uncomputable(f"its {name} is a template, which only a play fills in; --log-in can't try it either")
    if str(connection.get("ansible_connection", "ssh")) not in ("ssh", "smart", "ansible.builtin.ssh"):
        raise Uncomputable(f"it is reached by {connection['ansible_connection']}, not by ssh")
    address = connection.get("ansible_host", connection.get("ansible_ssh_host", host))
    port = connection.get("ansible_port", connection.get("ansible_ssh_port", _PORT))
    try:
        words = [shlex.split(str(connection.get(f"ansible_ssh_{kind}_args", ""))) for kind in ("common", "extra")]
        return Way(
            host, str(address), int(str(port)), (*words[0], *words[1]), _is_true(connection.get("ansible_become"))
        )
    except ValueError:
        raise Uncomputable("its port is no number, or its arguments for ssh have a quote that is not closed") from None


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1", "y", "t")
