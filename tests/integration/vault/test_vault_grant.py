# SPDX-License-Identifier: GPL-3.0-or-later
"""Minting and unwrapping grants."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import grant, session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    GrantMismatch,
    InvalidRequest,
    UnseenGrant,
    UnusableRequest,
    UsedWrapping,
    VaultError,
)
from tests.support.openbao import DATABASE, WEB, grant_request

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault


def lives(admin: Client, accessor: str) -> bool:
    try:
        admin.ask("auth/token/lookup-accessor", {"accessor": accessor})
    except InvalidRequest:
        return False
    return True


def children(admin: Client) -> set[str]:
    keys = section(admin.list("auth/token/accessors"), "data")["keys"]
    assert isinstance(keys, list)
    return set(keys)


def test_a_wrapped_grant_is_seen_alive_before_anybody_opens_it(prepared: PreparedVault, runner: Client) -> None:
    """Minting returns the accessor of the token inside, which lives, and the end of its time box."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    assert lives(prepared.admin, wrapped.accessor)
    assert wrapped.expires_at - wrapped.facts.created_at == pytest.approx(
        timedelta(minutes=5), abs=timedelta(seconds=1)
    )


def test_unwrapping_gives_exactly_the_grant(runner: Client) -> None:
    """The unwrapped grant has the journalled accessor, the policies of its access and no other."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    opened = grant.unwrap(runner.with_token(None), wrapped.token, grant_request(), wrapped.accessor)
    assert opened.facts == wrapped.facts
    assert opened.facts.policies == ("breakglass-access-web-operator", "breakglass-grant")


def test_the_second_unwrap_is_an_alarm(runner: Client) -> None:
    """A wrapping token that was used says that someone else was first."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    grant.unwrap(runner, wrapped.token, grant_request())
    with pytest.raises(UsedWrapping, match=r"someone else was first.*stolen"):
        grant.unwrap(runner, wrapped.token, grant_request())


def test_of_twenty_parallel_unwraps_one_wins(runner: Client) -> None:
    """One of twenty opens the grant; nineteen raise the alarm."""
    wrapped = grant.mint_wrapped(runner, grant_request())

    def attempt(_: int) -> type:
        try:
            return type(grant.unwrap(runner, wrapped.token, grant_request()))
        except UsedWrapping:
            return UsedWrapping

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(attempt, range(20)))
    assert results.count(grant.Grant) == 1
    assert results.count(UsedWrapping) == 19


def test_what_never_was_a_wrapping_token_is_an_alarm(runner: Client) -> None:
    """An unknown token does not open."""
    with pytest.raises(UsedWrapping):
        grant.unwrap(runner, "s.canarycanarycanarycanary", grant_request())


def test_a_rewrapped_grant_is_an_alarm(prepared: PreparedVault, runner: Client) -> None:
    """Somebody who opened the grant and wraps something again is found out by the creation path."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    stolen = grant.unwrap(runner, wrapped.token, grant_request())
    again = prepared.admin.post("sys/wrapping/wrap", {"client_token": stolen.token}, wrap_ttl=timedelta(seconds=60))
    with pytest.raises(UsedWrapping, match="re-wrapped"):
        grant.unwrap(runner, text(section(again, "wrap_info"), "token"), grant_request())


def test_another_grant_than_the_journalled_one_is_refused_and_revoked(prepared: PreparedVault, runner: Client) -> None:
    """A grant of the right kind with another accessor is not taken."""
    one, other = (grant.mint_wrapped(runner, grant_request()) for _ in range(2))
    with pytest.raises(GrantMismatch, match="journalled") as refusal:
        grant.unwrap(runner, one.token, grant_request(), other.accessor)
    assert refusal.value.accessor == one.accessor
    assert not lives(prepared.admin, one.accessor)


def test_a_wrapper_around_a_dead_grant_says_so(prepared: PreparedVault, runner: Client) -> None:
    """The wrapper outlives a revoked token; unwrapping it is not an open grant."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    session.revoke_other(prepared.admin, wrapped.accessor)
    with pytest.raises(VaultError, match=r"dead|does not open"):
        grant.unwrap(runner, wrapped.token, grant_request())


@pytest.mark.parametrize("seconds", [901, 3600])
def test_an_over_long_time_box_is_refused_and_revoked(prepared: PreparedVault, runner: Client, seconds: int) -> None:
    """Vault shortens it silently, also wrapped and without a warning; we don't take it, and revoke it."""
    before = children(prepared.admin)
    with pytest.raises(GrantMismatch, match="life in seconds is 900") as refusal:
        grant.mint_wrapped(runner, grant_request(time_box=timedelta(seconds=seconds)))
    assert refusal.value.revoked
    assert not lives(prepared.admin, refusal.value.accessor)
    assert not {key for key in children(prepared.admin) - before if key == refusal.value.accessor}


def test_the_longest_time_box_of_an_access_is_granted(runner: Client) -> None:
    """Exactly max_time_box passes."""
    request = grant_request(DATABASE.name, DATABASE.max_time_box)
    assert grant.mint_wrapped(runner, request).facts.access == DATABASE.name


def test_an_over_long_orphan_is_refused_and_revoked(prepared: PreparedVault, operator: Client) -> None:
    """The same holds for an operator's grant."""
    with pytest.raises(GrantMismatch, match="life in seconds") as refusal:
        grant.mint_orphan(operator, grant_request(time_box=timedelta(hours=1)))
    assert not lives(prepared.admin, refusal.value.accessor)


def test_an_over_long_short_grant_is_refused_and_revoked(prepared: PreparedVault, operator: Client) -> None:
    """Vault gives a short token for any box and would end it early without a word; that is found out at the minting."""
    with pytest.raises(GrantMismatch, match="life in seconds is 900 at most, asked was 3600") as refusal:
        grant.mint_orphan(operator, grant_request(time_box=timedelta(hours=1)), grant.GrantKind.SHORT)
    assert refusal.value.revoked
    assert not lives(prepared.admin, refusal.value.accessor)


@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_a_short_grant_lives_for_two_minutes_and_can_reach_the_end_of_its_box(operator: Client, minutes: int) -> None:
    """A box up to the whole of the access is granted, and the token that comes of it dies soon by itself."""
    opened = grant.mint_orphan(operator, grant_request(time_box=timedelta(minutes=minutes)), grant.GrantKind.SHORT)
    own = operator.with_token(opened.token)
    fields = section(own.get("auth/token/lookup-self"), "data")
    assert 0 < int(str(fields["ttl"])) <= min(minutes * 60, 120)
    assert opened.facts.expires_at - opened.facts.created_at == timedelta(minutes=minutes)
    session.revoke(own)


def test_an_unwrapped_grant_is_compared_with_the_request(prepared: PreparedVault, runner: Client) -> None:
    """A play that expects another time box or other metadata does not take the grant."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    with pytest.raises(GrantMismatch, match=r"life in seconds is 300, asked was 299; .*metadata"):
        grant.unwrap(runner, wrapped.token, replace(grant_request(time_box=timedelta(seconds=299)), meta={}))
    assert not lives(prepared.admin, wrapped.accessor)


def test_a_grant_of_another_access_is_an_alarm(runner: Client) -> None:
    """A wrapping that was made for another access does not open, and stays closed."""
    wrapped = grant.mint_wrapped(runner, grant_request(WEB.name))
    with pytest.raises(UsedWrapping):
        grant.unwrap(runner, wrapped.token, grant_request(DATABASE.name))
    assert grant.unwrap(runner, wrapped.token, grant_request(WEB.name))


def test_a_grant_dies_with_the_session_that_minted_it(prepared: PreparedVault) -> None:
    """Revoking the runner's session ends its grants, opened or not."""
    runner = prepared.runner()
    wrapped = grant.mint_wrapped(runner, grant_request())
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    session.revoke(runner)
    assert not lives(prepared.admin, wrapped.accessor)
    assert not lives(prepared.admin, opened.facts.accessor)


def test_an_orphan_survives_the_login_that_minted_it(prepared: PreparedVault) -> None:
    """An operator's grant does not depend on the login."""
    operator = prepared.operator()
    opened = grant.mint_orphan(operator, grant_request())
    session.revoke(operator)
    assert lives(prepared.admin, opened.facts.accessor)
    session.revoke(prepared.admin.with_token(opened.token))


def test_a_child_that_inherits_by_identity_is_refused(prepared: PreparedVault) -> None:
    """A grant with policies of an entity is not what was asked for, and is revoked."""
    admin = prepared.admin
    login = session.lookup(prepared.runner())
    admin.post(f"identity/entity/id/{login.entity_id}", {"policies": ["default"]})
    try:
        with pytest.raises(GrantMismatch, match=r"policies by identity is .*default"):
            grant.mint_wrapped(prepared.runner(), grant_request())
    finally:
        admin.post(f"identity/entity/id/{login.entity_id}", {"policies": []})


def test_a_role_that_somebody_loosened_is_found_out(prepared: PreparedVault, runner: Client) -> None:
    """Grants of a role that makes renewable orphans are not taken."""
    path = "auth/token/roles/breakglass-child-db-operator"
    stands = {key: value for key, value in section(prepared.admin.get(path), "data").items() if value is not None}
    prepared.admin.post(path, {"renewable": True, "orphan": True})
    try:
        with pytest.raises(GrantMismatch, match="renewable is True, asked was False; orphan is True"):
            grant.mint_wrapped(runner, grant_request(DATABASE.name))
    finally:
        prepared.admin.post(path, stands)


def test_a_grant_that_cannot_be_looked_up_is_not_granted(prepared: PreparedVault) -> None:
    """Where the login may mint but not look up, there could never be a proof: no grant."""
    policy = 'path "auth/token/create/breakglass-child-*" { capabilities = ["update"] }'
    prepared.admin.post("sys/policies/acl/test-mint-only", {"policy": policy})
    auth = section(prepared.admin.post("auth/token/create", {"policies": ["test-mint-only"]}), "auth")
    with pytest.raises(UnseenGrant, match="could not be revoked") as refusal:
        grant.mint_wrapped(prepared.admin.with_token(text(auth, "client_token")), grant_request())
    session.revoke_other(prepared.admin, refusal.value.accessor)
    prepared.admin.delete("sys/policies/acl/test-mint-only")


def test_no_access_of_that_name(runner: Client) -> None:
    """An access that Vault was not prepared for is refused by Vault."""
    with pytest.raises((InvalidRequest, DeniedByVault)):
        grant.mint_wrapped(runner, grant_request("nobody"))


@pytest.mark.parametrize("wrap_ttl", [timedelta(0), timedelta(seconds=301)])
def test_a_wrapping_outside_the_policy_is_not_sent(runner: Client, wrap_ttl: timedelta) -> None:
    """Wrapping lives between 1 and 300 seconds."""
    with pytest.raises(UnusableRequest):
        grant.mint_wrapped(runner, grant_request(), wrap_ttl)
