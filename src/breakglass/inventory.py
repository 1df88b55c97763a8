# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts and groups of the inventory, as Ansible itself reads them.

Source: https://docs.ansible.com/ansible/latest/cli/ansible-inventory.html
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TIME_LIMIT_SECONDS = 60
CONNECTION = frozenset(
    {
        *("ansible_connection", "ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port"),
        *("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_become"),
    }
)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)


class UnreadableInventory(BreakglassError):
    """Raised when the inventory can't be read, has no host, or has names that could mean something else."""


@dataclass(frozen=True)
class Inventory:
    """The hosts.

    Attributes:
        hosts: Every host with all its groups: direct ones, their parents, and `all`.
        connections: How a host is reached: of its variables those of CONNECTION, as they are written, templates not filled
            in. A host that has none of them is not there.
    """

    hosts: Mapping[str, frozenset[str]]
    connections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def groups(self) -> frozenset[str]:
        """Every group that has a host."""
        return frozenset().union(*self.hosts.values())


def read_inventory(path: Path) -> Inventory:
    """Ask `ansible-inventory` for the hosts of a file or directory; raises UnreadableInventory."""
    if not path.exists():
        raise UnreadableInventory(f"There is no inventory at {path}.")
    return parse_inventory(_listing(path), str(path))


def parse_inventory(listing: str, origin: str) -> Inventory:
    """Read the JSON of `ansible-inventory --list`; raises UnreadableInventory."""
    try:
        content = json.loads(listing)
    except (ValueError, RecursionError):
        raise UnreadableInventory(f"ansible-inventory gave no JSON for {origin}.") from None
    groups = (
        {name: group for name, group in content.items() if name != "_meta" and isinstance(group, dict)}
        if isinstance(content, dict)
        else {}
    )
    hosts: dict[str, set[str]] = defaultdict(set)
    parents = _parents(groups)
    for name, group in groups.items():
        for host in group.get("hosts", ()):
            hosts[str(host)] |= {name, "all"} | _ancestors(name, parents)
    _check_names(hosts, groups, origin)
    return Inventory(
        MappingProxyType({host: frozenset(names) for host, names in sorted(hosts.items())}),
        _connections(content, hosts),
    )


def _connections(content: Mapping[str, object], hosts: Iterable[str]) -> Mapping[str, Mapping[str, object]]:
    meta = content.get("_meta")
    variables = meta.get("hostvars") if isinstance(meta, dict) else None
    of_hosts = variables if isinstance(variables, dict) else {}
    found = {
        host: {name: value for name, value in (of_hosts.get(host) or {}).items() if name in CONNECTION}
        for host in hosts
    }
    return MappingProxyType({host: how for host, how in found.items() if how})


def _check_names(hosts: Mapping[str, set[str]], groups: Mapping[str, object], origin: str) -> None:
    if not hosts:
        raise UnreadableInventory(f"The inventory {origin} has no host.")
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise UnreadableInventory(
                f"The host name {host[:200]!r} in {origin} is refused: "
                "letters, digits, '.', '_' and '-' only, a letter or digit first."
            )
        if host in groups or host == "all":
            raise UnreadableInventory(
                f"{host} is a host and a group in {origin}: a limit could mean either. Rename one."
            )


def _parents(groups: Mapping[str, dict[str, list[str]]]) -> Mapping[str, set[str]]:
    parents: dict[str, set[str]] = defaultdict(set)
    for name, group in groups.items():
        for child in group.get("children", ()):
            parents[str(child)].add(name)
    return parents


def _ancestors(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = [name]
    while ahead:
        new = parents.get(ahead.pop(), set()) - found
        found |= new
        ahead.extend(new)
    return found


def _listing(path: Path) -> str:
    program = Path(sys.executable).parent / "ansible-inventory"
    with tempfile.TemporaryDirectory(prefix="breakglass-inventory-") as home:
        configuration = Path(home, "ansible.cfg")
        configuration.touch()
        try:
            done = subprocess.run(
                [str(program), "-i", str(path.absolute()), "--list"],
                capture_output=True,
                check=False,
                cwd=home,
                env=_environment(program.parent, home, configuration),
                stdin=subprocess.DEVNULL,
                timeout=TIME_LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise UnreadableInventory(
                f"ansible-inventory did not finish within {TIME_LIMIT_SECONDS} s on {path}."
            ) from None
        except OSError as error:
            raise UnreadableInventory(f"{program} can't be started: {error.strerror}.") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise UnreadableInventory(f"ansible-inventory can't read {path}: {said!r}")
    return done.stdout.decode(errors="replace")


def _environment(programs: Path, home: str, configuration: Path) -> dict[str, str]:
    """Nothing of ours goes in: an inventory script needs no token of the runner."""
    return {
        "PATH": f"{programs}{os.pathsep}{os.defpath}",
        "HOME": home,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_HOME": home,
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_NOCOLOR": "true",
    }
