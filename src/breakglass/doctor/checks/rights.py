# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights of the runner's login: those of its policy, word for word, and none that could make it more than a runner.

Vault is asked which rights the login has; nothing is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import policies
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.capabilities import (
    DENY,
    capabilities,
    rights_of,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    HOST_ROLE,
    JOURNAL_KEY_PATH,
    KV_MOUNT,
    ORPHAN_ROLE_PREFIX,
    RUNNER_POLICY,
    RUNNER_ROLE_PATH,
    SHORT_ROLE_PREFIX,
    SSH_MOUNT,
)

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.doctor.known import Known

ABOUT: Final = "rights"
APPLY: Final = "Bring the policy of the runner up to date: breakglass vault apply"
FORBIDDEN: Final[Mapping[str, str]] = {
    "auth/token/create": "mint any token, root's too",
    "auth/token/create-orphan": "mint tokens that do not end with it",
    "auth/token/create/breakglass-doctor": "mint by token roles that are not ours",
    f"auth/token/create/{ORPHAN_ROLE_PREFIX}doctor": "mint grants that do not end with it",
    f"auth/token/create/{SHORT_ROLE_PREFIX}doctor": "mint grants that do not end with it",
    f"sys/policies/acl/{RUNNER_POLICY}": "change policies",
    RUNNER_ROLE_PATH: "change its own login",
    f"{RUNNER_ROLE_PATH}/secret-id": "issue logins like its own",
    "sys/auth/breakglass-doctor": "make login methods",
    "sys/mounts/breakglass-doctor": "make secrets engines",
    "sys/raw/breakglass-doctor": "read Vault's storage",
    "identity/entity/name/breakglass-doctor": "change who people are",
    f"{SSH_MOUNT}/sign/{HOST_ROLE}": "sign certificates without a grant",
    f"{SSH_MOUNT}/roles/{HOST_ROLE}": "change what certificates may say",
    f"{JOURNAL_KEY_PATH}/config": "let the journal's key be exported",
    f"{KV_MOUNT}/data/breakglass-doctor": "touch secrets of others",
}
"""What nobody may do who wears the runner's login, and the name of it. The paths need not be there."""


def look(known: Known) -> Iterator[Finding]:
    """One line for each right too many or too few."""
    client, wanted = known[SESSION], rights_of(policies.RUNNER)
    try:
        found = capabilities(client, [*wanted, *FORBIDDEN])
    except DeniedByVault:
        yield wrong(ABOUT, f"the login may not even ask for its own rights, so its policy is an older one. {APPLY}")
        return
    bad = [*_too_many(found, wanted), *_too_few(found, wanted)]
    yield from (wrong(ABOUT, sentence) for sentence in bad)
    if not bad:
        yield ok(
            ABOUT, "those of the runner's policy; may not mint root, nor by a foreign token role, nor change its rights"
        )


def _too_many(found: Mapping[str, frozenset[str]], wanted: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if any("root" in rights for rights in found.values()):
        yield f"the login is root's. Stop, revoke it, and use the AppRole {RUNNER_POLICY}: breakglass vault apply"
        return
    for path, what in FORBIDDEN.items():
        if more := found[path] - wanted.get(path, frozenset()) - DENY:
            yield f"the login may {what} ({', '.join(sorted(more))} at {path}). Take that away: breakglass vault plan says by which policy"
    for path, rights in wanted.items():
        if more := found[path] - rights - DENY:
            yield f"the login may {', '.join(sorted(more))} at {path}, too. {APPLY}"


def _too_few(found: Mapping[str, frozenset[str]], wanted: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if any("root" in rights for rights in found.values()):
        return
    for path, rights in wanted.items():
        if missing := rights - found[path]:
            yield f"the login may not {', '.join(sorted(missing))} at {path}. {APPLY}"
