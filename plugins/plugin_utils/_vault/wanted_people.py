# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in Vault so that people can ask and approve: the groups that the policy names, and an engine for codes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import TOTP_MOUNT
from .objects import OURS, Kind, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def people(groups: Collection[str]) -> Iterator[Wanted]:
    """Yield what these groups need; nothing where the policy names none. Who is in a group is the admin's to say."""
    if not groups:
        return
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{TOTP_MOUNT}/ (second factors)",
        f"sys/mounts/{TOTP_MOUNT}",
        {"type": "totp", "description": OURS},
    )
    for name in sorted(groups):
        yield Wanted(
            Kind.MADE_ONCE,
            f"identity group {name}",
            f"identity/group/name/{name}",
            {"type": "internal", "metadata": {"made_by": OURS}},
        )
