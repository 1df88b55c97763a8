# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses: each host that an access opens has one, unless a jump host looks it up."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from breakglass.counting import count
from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.hosts import wanted_hosts
from breakglass.doctor.known import INVENTORY
from breakglass.ways import Uncomputable, way_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.doctor.known import Known

ABOUT: Final = "addresses"
AT_ONCE: Final = 16


def look(known: Known) -> Iterator[Finding]:
    """One line for each host without an address."""
    hosts, connections = wanted_hosts(known), known[INVENTORY].connections
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [one for one in pool.map(lambda host: _look_up(host, connections), hosts) if one]
    yield from found
    if not found:
        yield ok(ABOUT, f"{count(len(hosts), 'host')} of the accesses can be looked up")


def _look_up(host: str, connections: Mapping[str, Mapping[str, object]]) -> Finding | None:
    """What is wrong with the address of a host, if anything is."""
    try:
        way = way_to(host, connections.get(host, {}))
        if way.is_direct:
            socket.getaddrinfo(way.address, way.port)
    except Uncomputable as error:
        return unknown(ABOUT, f"{host}: {error}")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "this is no name of a host"
        return wrong(ABOUT, f"{host} has no address ({way.address}: {why}). Give it ansible_host in the inventory")
    return None
