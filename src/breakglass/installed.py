# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed on this machine: the collection that came with the runner, and the roles of the collections beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ansible_collections.breakglass.remediation.plugins.plugin_utils as collection_utils

from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Sequence

COLLECTIONS = Path(next(iter(collection_utils.__path__))).parents[4]


def installed_remediations(collections: Sequence[Path] = ()) -> Remediations:
    """The roles of the collection that this runner brought along, and of the collections beside it and at these places."""
    roles = COLLECTIONS / "ansible_collections" / "breakglass" / "remediation" / "roles"
    return Remediations(roles, [COLLECTIONS, *collections])
