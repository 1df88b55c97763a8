# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing grants, and what counts as proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import closing, grant, session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    InvalidRequest,
    SealedVault,
    UnprovenRevocation,
    UnreachableVault,
)
from tests.support.openbao import grant_request, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault

    from breakglass.demo.openbao import OpenBao

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def leasing(prepared: PreparedVault) -> Iterator[str]:
    """A PKI engine whose certificates have leases; its path for issuing."""
    admin = prepared.admin
    admin.post("sys/mounts/test-pki", {"type": "pki"})
    admin.post("test-pki/root/generate/internal", {"common_name": "test", "key_type": "ec"})
    role = {"allow_any_name": True, "generate_lease": True, "key_type": "ec", "max_ttl": "10m", "no_store": False}
    admin.post("test-pki/roles/test", role)
    yield "test-pki/issue/test"
    admin.delete("sys/mounts/test-pki")


def leases(admin: Client, path: str, number: int) -> list[str]:
    return [text(admin.post(path, {"common_name": f"host{one}.example.com"}), "lease_id") for one in range(number)]


def test_a_closed_grant_is_proven_gone(runner: Client) -> None:
    """After closing, the grant's token is dead, and the proof says which accessor, when, and who looked."""
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    proof = closing.close(runner, opened.facts.accessor, now=lambda: NOW)
    assert (proof.proven, proof.accessor, proof.at) == (True, opened.facts.accessor, NOW)
    assert proof.proven_by == session.lookup(runner).accessor
    with pytest.raises(DeniedByVault):
        session.lookup(runner.with_token(opened.token))


def test_closing_twice_proves_it_again(runner: Client) -> None:
    """Closing is idempotent."""
    accessor = grant.mint_wrapped(runner, grant_request()).accessor
    assert closing.close(runner, accessor, now=lambda: NOW) == closing.close(runner, accessor, now=lambda: NOW)


def test_an_operator_closes_with_the_own_login(operator: Client) -> None:
    """At doors 1 and 2 the login proves the end of the orphan that it minted."""
    opened = grant.mint_orphan(operator, grant_request())
    assert closing.close(operator, opened.facts.accessor).proven


def test_a_grant_that_ended_by_itself_is_proven_gone(runner: Client) -> None:
    """A grant whose guard revoked it before is proven all the same."""
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    closing.revoke_self(runner.with_token(opened.token))
    assert closing.close(runner, opened.facts.accessor).proven


def test_journalled_leases_are_proven_gone(prepared: PreparedVault, runner: Client, leasing: str) -> None:
    """Each lease is revoked and looked up; one that is named twice counts once."""
    accessor = grant.mint_wrapped(runner, grant_request()).accessor
    journalled = leases(prepared.admin, leasing, 3)
    proof = closing.close(runner, accessor, [*journalled, journalled[0]])
    assert list(proof.lease_ids) == journalled
    for lease in journalled:
        with pytest.raises(InvalidRequest, match="invalid lease"):
            prepared.admin.ask("sys/leases/lookup", {"lease_id": lease})


def test_an_unknown_lease_is_gone(runner: Client) -> None:
    """Vault answers 204 to revoking a lease that never was; its look-up is what counts."""
    accessor = grant.mint_wrapped(runner, grant_request()).accessor
    assert closing.close(runner, accessor, ["test-pki/issue/test/nothing"]).proven


def test_a_dead_login_proves_nothing(prepared: PreparedVault) -> None:
    """403 is no proof, although the grant is really gone."""
    runner = prepared.runner()
    accessor = grant.mint_wrapped(runner, grant_request()).accessor
    session.revoke(runner)
    with pytest.raises(UnprovenRevocation, match="Log in again") as refusal:
        closing.close(runner, accessor)
    assert not refusal.value.retryable


def test_a_grant_does_not_prove_its_own_end(runner: Client) -> None:
    """Closing needs a second live token; the grant itself may not even ask."""
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    with pytest.raises(UnprovenRevocation):
        closing.close(runner.with_token(opened.token), opened.facts.accessor)
    assert closing.close(runner, opened.facts.accessor).proven


def test_a_login_that_may_not_revoke_leases_proves_nothing(
    prepared: PreparedVault, leasing: str, runner: Client
) -> None:
    """One step that is denied spoils the proof, but the token is revoked all the same."""
    policy = "\n".join(
        f'path "{path}" {{ capabilities = ["update", "read"] }}'
        for path in ("auth/token/revoke-accessor", "auth/token/lookup-accessor", "auth/token/lookup-self")
    )
    prepared.admin.post("sys/policies/acl/test-no-leases", {"policy": policy})
    auth = section(
        prepared.admin.post("auth/token/create", {"policies": ["test-no-leases"], "no_default_policy": True}), "auth"
    )
    helper = prepared.admin.with_token(text(auth, "client_token"))
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    journalled = leases(prepared.admin, leasing, 1)
    with pytest.raises(UnprovenRevocation, match="sys/leases/revoke"):
        closing.close(helper, opened.facts.accessor, journalled)
    with pytest.raises(DeniedByVault):
        session.lookup(runner.with_token(opened.token))
    assert closing.close(runner, opened.facts.accessor, journalled).proven
    session.revoke_other(prepared.admin, session.lookup(helper).accessor)
    prepared.admin.delete("sys/policies/acl/test-no-leases")


def test_a_sealed_vault_and_one_that_is_down_prove_nothing_and_may_be_retried(own_openbao: OpenBao) -> None:
    """Sealed, then stopped: closing stays unproven, retryable, with the cause behind it; so do the other calls."""
    vault = prepare(own_openbao)
    runner = vault.runner()
    accessor = grant.mint_wrapped(runner, grant_request()).accessor
    vault.admin.put("sys/seal", {})
    with pytest.raises(UnprovenRevocation, match="sealed") as sealed:
        closing.close(runner, accessor)
    with pytest.raises(SealedVault, match="unseal it"):
        grant.mint_wrapped(runner, grant_request())
    own_openbao.stop()
    with pytest.raises(UnprovenRevocation, match="connection refused") as down:
        closing.close(runner, accessor)
    with pytest.raises(UnreachableVault) as mint:
        grant.mint_wrapped(runner, grant_request(time_box=timedelta(minutes=1)))
    assert sealed.value.retryable
    assert sealed.value.status == 503
    assert down.value.retryable
    assert not mint.value.outcome_unknown
