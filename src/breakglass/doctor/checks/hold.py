# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold: readable, and not set, neither in Vault for all doors nor in the runner's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import read_hold

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import DATABASE, SESSION, NotKnown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from breakglass.doctor.known import Known
    from breakglass.domain.holds import Hold

ABOUT = "hold"


def look(known: Known) -> Iterator[Finding]:
    """One line for each hold that stands; a copy of the runner's in Vault is told once."""
    holds = standing(known)
    yield from (wrong(ABOUT, str(hold)) for hold in holds)
    try:
        found = read_hold(known[SESSION])
    except DeniedByVault as error:
        yield wrong(ABOUT, f"{error} What can't be read counts as held, so nothing starts: breakglass vault apply")
        return
    if found and not (found.mirrored and holds):
        yield wrong(
            ABOUT,
            f"everything is held in Vault by {found.person or 'somebody'}: {found.reason}. To lift it: vault kv put -mount=kv "
            "breakglass/hold held=false reason=… person=… since=…",
        )
    elif not found and not holds:
        yield ok(ABOUT, "readable in Vault, and not set")


def standing(known: Known) -> Sequence[Hold]:
    """The holds of the database; none where there is none yet."""
    try:
        return known[DATABASE].holds
    except NotKnown:
        return ()
