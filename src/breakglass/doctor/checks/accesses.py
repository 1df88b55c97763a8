# SPDX-License-Identifier: GPL-3.0-or-later
"""The accesses of the policy: the runner may mint a grant of each, and Vault's token roles are what the policy says now.

The SSH roles and the policies of the accesses can't be read by the runner's login: `breakglass vault plan` compares them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.capabilities import capabilities
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.diff import differences
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import child_role
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import INVENTORY, POLICY, SESSION
from breakglass.policy_text import span
from breakglass.vault_setup import access_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import AccessSpec
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.doctor.known import Known

ROLES = "auth/token/roles/"
MEND = "See it with `breakglass vault plan`, bring it there with `breakglass vault apply`"


def look(known: Known) -> Iterator[Finding]:
    """One line for each access, or for each thing that is wrong with it."""
    client = known[SESSION]
    for spec in access_specs(known[POLICY], known[INVENTORY]):
        yield from _look_at(client, spec)


def _look_at(client: Client, spec: AccessSpec) -> Iterator[Finding]:
    about = f"access {spec.name}"
    bad = list(_other_roles(client, spec))
    yield from (wrong(about, f"{sentence}. {MEND}") for sentence in bad)
    try:
        path = f"auth/token/create/{child_role(spec.name)}"
        mints = "update" in capabilities(client, [path])[path]
    except DeniedByVault:
        yield unknown(about, "whether a grant of it may be minted: the login may not ask for its rights, see above")
        return
    if not mints:
        yield wrong(about, f"no grant of it may be minted by the runner's login. {MEND}")
    elif not bad:
        yield ok(about, f"may be minted, for {span(spec.max_time_box)} at most")


def _other_roles(client: Client, spec: AccessSpec) -> Iterator[str]:
    """What is different with the token roles of an access."""
    for role in (one for one in desired([spec]) if one.path.startswith(ROLES)):
        try:
            found = differences(role, section(client.get(role.path), "data"))
        except MissingPath:
            yield f"its {role.title} is not there"
        else:
            if found:
                yield f"its {role.title} is not as the policy has it ({'; '.join(map(str, found))})"
