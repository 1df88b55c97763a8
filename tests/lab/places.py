# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of one lab is, so that all of it can be found by the lab's name alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.errors import BrokenLab

ROOT: Final = Path("/var/lib/breakglass-lab")
RUNS: Final = Path("/run/breakglass-lab")
NAMESPACES: Final = Path("/run/netns")
SITE: Final = Path(__file__).with_name("site")
NETWORK: Final = "198.18.0"  # RFC 2544: for test networks, never routed
CONTROLLER: Final = f"{NETWORK}.1"
MANY: Final = 100
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}", re.ASCII)
_FIRST: Final = ("web1", "web2", "db1", "app1")


@dataclass(frozen=True)
class Place:
    """The names and paths of one lab.

    Attributes:
        name: Its name; every namespace, directory, machine and cgroup carries it.
    """

    name: str

    def __post_init__(self) -> None:
        """Refuse a name that could lead out of our directories."""
        if not _NAME.fullmatch(self.name):
            raise BrokenLab("A lab must be named with a-z, 0-9 and dash, at most 31 of them, not a dash first.")

    @property
    def directory(self) -> Path:
        """Everything that it has on disk."""
        return ROOT / self.name

    @property
    def state(self) -> Path:
        """What it is made of, as JSON; there once it is up."""
        return self.directory / "lab.json"

    @property
    def namespace(self) -> str:
        """The network namespace of its controller."""
        return f"bglab-{self.name}"

    def namespace_of(self, host: str) -> str:
        """The network namespace of a host."""
        return f"bglab-{self.name}.{host}"

    def host(self, host: str) -> Path:
        """The directory of a host."""
        return self.directory / "hosts" / host

    def root(self, host: str) -> Path:
        """The tree that a host boots."""
        return self.host(host) / "root"

    @property
    def controller(self) -> Path:
        """The files of the controller: settings, policy, inventory, secrets, journals, data of its services."""
        return self.directory / "controller"

    @property
    def runs(self) -> Path:
        """Where its runs keep their secrets; short, because of ssh's control sockets."""
        return RUNS / self.name

    @property
    def inventory(self) -> Path:
        """The inventory of its hosts."""
        return self.controller / "inventory.yml"

    @property
    def settings(self) -> Path:
        """The settings of its runner."""
        return self.controller / "settings.yml"

    def secret(self, name: str) -> Path:
        """The file of a secret."""
        return self.controller / "secrets" / name


def place_of(name: str | None = None) -> Place:
    """The lab of this name; without one, of $BREAKGLASS_LAB, else `lab`. Raises BrokenLab."""
    return Place(name or os.environ.get("BREAKGLASS_LAB") or "lab")


def host_names(count: int) -> list[str]:
    """The first hosts of web1, web2, db1, app1, web3, db2, app2, web4 …; raises BrokenLab."""
    if not 1 <= count <= MANY:
        raise BrokenLab(f"A lab has 1 to {MANY} hosts.")
    more = [f"{group}{number + (group == 'web')}" for number in range(2, MANY) for group in ("web", "db", "app")]
    return [*_FIRST, *more][:count]


def group_of(host: str) -> str:
    """The inventory group of a host: its name without the number."""
    return host.rstrip("0123456789")


def address_of(hosts: list[str], host: str) -> str:
    """The address of a host: the next ones after the controller's, in order."""
    return f"{NETWORK}.{hosts.index(host) + 2}"
