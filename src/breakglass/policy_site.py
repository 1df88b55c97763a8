# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy among what it is about: the hosts of the inventory and the remediations that are installed. Read in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.installed import installed_remediations
from breakglass.inventory import read_inventory
from breakglass.policy.load import load_policy
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.rules import Policy
    from breakglass.inventory import Inventory
    from breakglass.remediations import Remediations
    from breakglass.settings import Settings


@dataclass(frozen=True)
class PolicySite:
    """What a question about a policy needs."""

    settings: Settings
    policy: Policy
    inventory: Inventory
    remediations: Remediations


def read_site(settings: Path, policy: Path | None = None) -> PolicySite:
    """Read everything that the settings name; `policy` is another one, to be tried against the same hosts and roles.

    Raises:
        BreakglassError: Something of it can't be read; a policy with problems names all of them.
    """
    return site_of(load_settings(settings), policy)


def site_of(settings: Settings, policy: Path | None = None) -> PolicySite:
    """The same for settings that are read already; raises BreakglassError."""
    inventory, remediations = read_inventory(settings.inventory), installed_remediations(settings.collections)
    found = load_policy(
        policy or settings.policy,
        channels=settings.channels,
        remediations=remediations,
        groups=inventory.groups,
        has_prometheus=settings.prometheus is not None,
        of_jobs=settings.awx.accesses if settings.awx else (),
    )
    return PolicySite(settings, found, inventory, remediations.stating(found.behaviours))
