# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a quarantine, and what tells one ruleset from another. Pure.

No rule asks the connection tracking: what is not named is dropped, also when it began before. Replies of ours are no
connections of ours: a packet that would open one (SYN without ACK) is dropped although its ports would fit.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TABLE = "breakglass_quarantine"
FIRST = -2147483648
"""The priority before every other: what netfilter calls NF_IP_PRI_FIRST."""
MARK = "# Written by breakglass.remediation.isolate_host; rejoin_host takes it away."
NEIGHBOURS_IN = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept"
NEIGHBOURS_OUT = "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept"
FAMILIES = (("ip", 4), ("ip6", 6))
VOLATILE = frozenset({"handle", "packets", "bytes", "expires", "used"})


@dataclass(frozen=True)
class Openings:
    """What a quarantined host still speaks with.

    Attributes:
        controllers: Addresses that may come in by SSH.
        ssh_port: The port of sshd.
        monitors: Addresses that may come in at the monitor ports.
        monitor_ports: TCP ports.
        sinks: Addresses that the host may send its log to.
        sink_ports: TCP and UDP ports there.
    """

    controllers: tuple[str, ...]
    ssh_port: int
    monitors: tuple[str, ...] = ()
    monitor_ports: tuple[int, ...] = ()
    sinks: tuple[str, ...] = ()
    sink_ports: tuple[int, ...] = ()


def rules(openings: Openings) -> str:
    """The file that nft loads: in one transaction it takes the place of what was there of this table."""
    ways_in = [(openings.controllers, (openings.ssh_port,)), (openings.monitors, openings.monitor_ports)]
    incoming = ['iif "lo" accept']
    outgoing = ['oif "lo" accept']
    for addresses, ports in ways_in:
        for family, some in _by_family(addresses):
            incoming.append(f"{family} saddr {_set(some)} tcp dport {_set(ports)} accept")
            outgoing.append(
                f"{family} daddr {_set(some)} tcp sport {_set(ports)} tcp flags & (syn | ack) != syn accept"
            )
    for family, some in _by_family(openings.sinks):
        ports = openings.sink_ports
        incoming.append(f"{family} saddr {_set(some)} tcp sport {_set(ports)} tcp flags & (syn | ack) != syn accept")
        outgoing.append(f"{family} daddr {_set(some)} tcp dport {_set(ports)} accept")
        outgoing.append(f"{family} daddr {_set(some)} udp dport {_set(ports)} accept")
    if any(
        family == "ip6"
        for family, _networks in _by_family((*openings.controllers, *openings.monitors, *openings.sinks))
    ):
        incoming.append(NEIGHBOURS_IN)
        outgoing.append(NEIGHBOURS_OUT)
    chains = [("incoming", "input", incoming), ("outgoing", "output", outgoing), ("passing", "forward", [])]
    body = "\n".join(_chain(name, hook, lines) for name, hook, lines in chains)
    table = f"table inet {TABLE}"
    return f"{MARK}\n{table}\ndelete {table}\n{table} {{\n{body}\n}}\n"


def others(listing: str) -> list[object]:
    """All of a ruleset but our table, out of `nft -j list ruleset`, without handles, counters and remaining times."""
    return [_lasting(one) for one in _entries(listing) if not _is_ours(one)]


def ours(listing: str) -> list[object]:
    """Our table alone, in the same form; empty when it is not there."""
    return [_lasting(one) for one in _entries(listing) if _is_ours(one)]


def _entries(listing: str) -> list[object]:
    found = json.loads(listing).get("nftables", [])
    return [one for one in found if isinstance(one, dict) and "metainfo" not in one]


def _is_ours(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    ((kind, body),) = entry.items()
    return bool(body.get("family") == "inet" and body.get("name" if kind == "table" else "table") == TABLE)


def _lasting(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _lasting(item) for key, item in value.items() if key not in VOLATILE}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _chain(name: str, hook: str, lines: Iterable[str]) -> str:
    head = f"\t\ttype filter hook {hook} priority {FIRST}; policy drop;\n"
    return f"\tchain {name} {{\n{head}" + "".join(f"\t\t{line}\n" for line in lines) + "\t}"


def _by_family(addresses: Iterable[str]) -> list[tuple[str, list[str]]]:
    parsed = sorted({ipaddress.ip_address(one) for one in addresses}, key=lambda one: (one.version, int(one)))
    families = [(name, [str(one) for one in parsed if one.version == version]) for name, version in FAMILIES]
    return [(family, some) for family, some in families if some]


def _set(items: Iterable[object]) -> str:
    return "{ " + ", ".join(str(item) for item in items) + " }"
