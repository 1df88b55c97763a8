# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole lab: hosts that boot over the cached base, in a network that leads nowhere else; and its end, also after a crash."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import base, booting, cgroups, layers, network
from tests.lab.errors import BrokenLab
from tests.lab.host import LabHost
from tests.lab.places import address_of, host_names
from tests.lab.playbooks import prepare_hosts
from tests.lab.services import start_services
from tests.lab.site_files import write_site
from tests.lab.vault import prepare_vault, start_vault
from tests.lab.vault_database import prepare_databases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.places import Place


def up(place: Place, count: int, layer_names: Iterable[str] = ()) -> list[LabHost]:
    """Boot the first `count` hosts and wait for all of them; what a crashed lab of this name has left is removed first.

    Args:
        place: The lab.
        count: How many hosts.
        layer_names: What they have beside the base; built first when it is not there.

    Raises:
        MissingPart: The base is not built, or there is no such layer.
        BrokenLab: A host does not come up. `down` removes what is there.
    """
    trees = [*map(layers.layer, layer_names), base.base_or_fail()]
    down(place)
    names = host_names(count)
    addresses = {name: address_of(names, name) for name in names}
    key = _bootstrap_key(place)
    network.make_network(place)
    hosts = [LabHost(place, name, address) for name, address in addresses.items()]
    for host in hosts:
        network.plug_in(place, host.name, host.address)
        booting.make_disk(place, host.name, trees)
        booting.furnish(place, addresses, host.name, key)
        booting.boot(place, host.name)
    for host in hosts:
        booting.await_boot(host)
    place.state.write_text(json.dumps({"hosts": addresses}, indent=1) + "\n", encoding="utf-8")
    return hosts


def prepare(place: Place, services: Iterable[str] = ()) -> None:
    """Give a lab that has booted its controller, and its hosts their trust in it; joins the controller's network for good.

    Raises:
        BrokenLab: A part does not come up, or a host can't be prepared.
    """
    hosts = {host.name: host.address for host in hosts_of(place)}
    network.join(place)
    write_site(place, hosts)
    start_vault(place)
    prepare_vault(place)
    prepare_databases(place, hosts_of(place))
    start_services(place, hosts, services)
    done = prepare_hosts(place, list(hosts))
    if done.code:
        raise BrokenLab(f"The hosts could not be prepared:\n{done.text}")


def down(place: Place) -> None:
    """Remove everything of the lab, however it ended: processes, mounts, directories, namespaces. Of nothing it is fine."""
    cgroups.end(place.name)
    booting.remove_disks(place)
    shutil.rmtree(place.runs, ignore_errors=True)
    network.remove_network(place)


def hosts_of(place: Place) -> list[LabHost]:
    """The hosts of a lab that is up; raises BrokenLab."""
    try:
        known = json.loads(place.state.read_text(encoding="utf-8"))["hosts"]
    except (OSError, ValueError, KeyError):
        raise BrokenLab(f"The lab {place.name} is not up. Bring it up with: tests/lab/breakglass-lab up") from None
    return [LabHost(place, name, address) for name, address in known.items()]


def _bootstrap_key(place: Place) -> str:
    """A key for the first contact with hosts that nobody has prepared yet; returns its public half."""
    place.secret("").mkdir(mode=0o700, parents=True)
    private = place.secret("bootstrap")
    command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bootstrap", "-f", str(private))
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Path(f"{private}.pub").read_text(encoding="ascii").strip()
