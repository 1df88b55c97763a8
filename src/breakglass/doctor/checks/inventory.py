# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory: whether Ansible reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.counting import count
from breakglass.doctor.findings import Finding, ok
from breakglass.doctor.known import INVENTORY, SETTINGS
from breakglass.inventory import read_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

MOST_GROUPS = 12


def look(known: Known) -> Iterator[Finding]:
    """How many hosts, and their groups."""
    found = read_inventory(known[SETTINGS].inventory)
    known.learn(INVENTORY, found)
    groups = sorted(found.groups - {"all", "ungrouped"})
    more = f" and {len(groups) - MOST_GROUPS} more" if len(groups) > MOST_GROUPS else ""
    named = f", groups {' '.join(groups[:MOST_GROUPS])}{more}" if groups else ", no groups"
    yield ok("inventory", f"{count(len(found.hosts), 'host')}{named}")
