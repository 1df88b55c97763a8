# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's login: Vault accepts it, and its token has the runner's policy and no other, own or inherited."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import RefusedLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.approle import AppRoleLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import RUNNER_POLICY

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import SESSION, SETTINGS, VAULT
from breakglass.errors import BreakglassError
from breakglass.secret_files import UnreadableSecret, read_secret_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.doctor.known import Known

ABOUT = "login"


def look(known: Known) -> Iterator[Finding]:
    """Log in; the token is ended when doctor ends."""
    bare, vault = known[VAULT], known[SETTINGS].vault
    try:
        method = AppRoleLogin(read_secret_file(vault.role_id_file), read_secret_file(vault.secret_id_file))
    except UnreadableSecret:
        yield unknown(ABOUT, "its files can't be read, see above")
        return
    try:
        client = bare.with_token(method.authenticate(bare).token)
    except RefusedLogin as error:
        yield wrong(ABOUT, f"{error} For a new one: delete {vault.secret_id_file}, then breakglass vault apply")
        return
    known.endings.callback(_end, client)
    known.learn(SESSION, client)
    yield _judge(session.lookup(client))


def _judge(found: session.Session) -> Finding:
    if found.identity_policies:
        names = ", ".join(sorted(found.identity_policies))
        return wrong(
            ABOUT,
            f"its token inherits the policies {names} from its entity or its groups, and every grant would, too: the "
            "runner will not work with it. Take them away from the entity in Vault",
        )
    if found.policies != {RUNNER_POLICY}:
        names = ", ".join(sorted(found.policies)) or "none"
        return wrong(
            ABOUT,
            f"its token has the policies {names}, where {RUNNER_POLICY} alone belongs. Put its AppRole right: breakglass "
            "vault apply",
        )
    return ok(ABOUT, f"accepted, with the policy {RUNNER_POLICY} and no other")


def _end(client: Client) -> None:
    with suppress(BreakglassError):  # it ends by itself within ten minutes
        session.revoke(client)
