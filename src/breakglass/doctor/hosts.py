# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts are looked at: those that an access of the policy opens by SSH, within the limit that a person gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.doctor.known import INVENTORY, POLICY
from breakglass.errors import BreakglassError
from breakglass.policy.scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from breakglass.doctor.known import Known


class UnknownLimit(BreakglassError):
    """Raised when a limit names nothing that is there: it would leave out everything in silence."""


def wanted_hosts(known: Known, access: str = "") -> list[str]:
    """Inventory names, sorted; of one access or of all. Raises UnknownLimit, NotKnown."""
    hosts, accesses = known[INVENTORY].hosts, known[POLICY].access.values()
    groups = {group for one in accesses if one.ssh and access in ("", one.name) for group in one.hosts}
    return [name for name in _limited(hosts, known.asked.limit) if groups & hosts[name]]


def _limited(hosts: Mapping[str, frozenset[str]], limit: Sequence[str]) -> list[str]:
    names = {*hosts, *frozenset().union(*hosts.values())}
    for word in limit:
        if word not in names:
            raise UnknownLimit(
                f"--limit {word[:80]}: no host and no group of the inventory is called so.{did_you_mean(word, names)}"
            )
    chosen = set(limit)
    return sorted(name for name, groups in hosts.items() if not limit or name in chosen or groups & chosen)
