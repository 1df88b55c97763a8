# SPDX-License-Identifier: GPL-3.0-or-later
"""What runner, grant and operator may not do, tried on the real policies."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, InvalidRequest
from tests.support.openbao import grant_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault

CHILD = "auth/token/create/breakglass-child-web-operator"
ORPHAN = "auth/token/create/breakglass-orphan-web-operator"
ASKED = grant_request().body(grant.GrantKind.CHILD)
WRAP = timedelta(seconds=60)

NOT_FOR_ANYBODY = [
    ("auth/token/create", {"policies": ["root"]}),
    ("auth/token/create", {}),
    ("auth/token/create-orphan", {}),
    ("auth/token/roles/breakglass-child-web-operator", {"allowed_policies": ["root"]}),
    ("sys/policies/acl/breakglass-grant", {"policy": 'path "*" { capabilities = ["sudo"] }'}),
    ("auth/approle/role/breakglass-runner/secret-id", {}),
    ("ssh-breakglass/roles/breakglass-web-operator", {"allowed_users": "*"}),
    ("ssh-breakglass/sign/breakglass-host", {"public_key": "x", "valid_principals": "web1"}),
    ("ssh-breakglass/config/ca", {"generate_signing_key": True}),
    ("sys/remount", {"from": "ssh-breakglass-next", "to": "ssh-breakglass"}),
    ("transit/keys/breakglass-journal/rotate", {}),
    ("transit/keys/breakglass-journal/config", {"exportable": True}),
    ("kv/data/secret", {"data": {"a": "b"}}),
    ("sys/mounts/other", {"type": "kv"}),
    ("sys/seal", {}),
    ("sys/leases/revoke-prefix/auth/", {}),
]

NOT_READABLE = ["kv/data/secret", "secret/data/other", "totp/code/ada", "transit/export/signing-key/breakglass-journal"]


@pytest.fixture
def secret(prepared: PreparedVault) -> Iterator[None]:
    """A secret of somebody else in the same store."""
    prepared.admin.post("kv/data/secret", {"data": {"password": "canary"}})
    yield
    prepared.admin.delete("kv/metadata/secret")


@pytest.fixture
def opened(runner: Client) -> Client:
    """A client with an open grant."""
    wrapped = grant.mint_wrapped(runner, grant_request())
    return runner.with_token(grant.unwrap(runner, wrapped.token, grant_request()).token)


@pytest.mark.parametrize(("path", "body"), NOT_FOR_ANYBODY)
def test_none_of_ours_may_write_there(
    runner: Client, operator: Client, opened: Client, path: str, body: Mapping[str, object]
) -> None:
    """Neither runner nor operator nor grant can widen its own rights or touch what is not its own."""
    for client in (runner, operator, opened):
        with pytest.raises(DeniedByVault):
            client.post(path, body)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("path", NOT_READABLE)
def test_none_of_ours_may_read_there(runner: Client, operator: Client, opened: Client, path: str) -> None:
    """Neither runner nor operator nor grant reads a secret."""
    for client in (runner, operator, opened):
        with pytest.raises(DeniedByVault):
            client.get(path)


@pytest.mark.parametrize(
    "asked",
    [
        {**ASKED, "policies": ["root"]},
        {**ASKED, "policies": ["breakglass-runner"]},
        {**ASKED, "policies": ["breakglass-access-db-operator"]},
        {**ASKED, "renewable": True},
        {**ASKED, "no_parent": True},
        {**ASKED, "id": "chosen-by-us"},
        {**ASKED, "period": "24h"},
        {name: value for name, value in ASKED.items() if name != "policies"},
        {name: value for name, value in ASKED.items() if name != "explicit_max_ttl"},
    ],
)
def test_the_runner_mints_only_what_a_role_allows(runner: Client, asked: Mapping[str, object]) -> None:
    """Other policies, other parameters and missing ones are refused."""
    with pytest.raises((DeniedByVault, InvalidRequest)):
        runner.post(CHILD, asked, wrap_ttl=WRAP)


def test_the_runner_mints_only_wrapped(runner: Client) -> None:
    """A bare token, and one wrapped for longer than five minutes, are denied."""
    with pytest.raises((DeniedByVault, InvalidRequest)):
        runner.post(CHILD, ASKED)
    with pytest.raises((DeniedByVault, InvalidRequest)):
        runner.post(CHILD, ASKED, wrap_ttl=timedelta(seconds=301))


def test_each_door_has_its_own_token_roles(runner: Client, operator: Client, opened: Client) -> None:
    """The runner mints no orphans, the operator no children, a grant nothing."""
    for client, path in ((runner, ORPHAN), (operator, CHILD), (opened, CHILD), (opened, ORPHAN)):
        with pytest.raises(DeniedByVault):
            client.post(path, ASKED, wrap_ttl=WRAP)


@pytest.mark.parametrize("who", ["runner", "operator"])
def test_an_anchor_is_written_once(request: pytest.FixtureRequest, prepared: PreparedVault, who: str) -> None:
    """Overwriting, deleting, undeleting and destroying an anchor are denied."""
    client: Client = request.getfixturevalue(who)
    name = f"breakglass/anchors/test.example.com/{who}/1"
    client.post(f"kv/data/{name}", {"options": {"cas": 0}, "data": {"note": "first"}})
    with pytest.raises(DeniedByVault):
        client.post(f"kv/data/{name}", {"data": {"note": "second"}})
    with pytest.raises(DeniedByVault):
        client.delete(f"kv/data/{name}")
    with pytest.raises(DeniedByVault):
        client.delete(f"kv/metadata/{name}")
    for verb in ("destroy", "delete"):
        with pytest.raises(DeniedByVault):
            client.post(f"kv/{verb}/{name}", {"versions": [1]})
    prepared.admin.delete(f"kv/metadata/{name}")


def test_an_operator_may_read_the_hold_and_not_set_it(operator: Client) -> None:
    """Setting a hold is the runner's."""
    with pytest.raises(DeniedByVault):
        operator.post("kv/data/breakglass/hold", {"data": {"held": True}})


def test_a_grant_cannot_close_others(prepared: PreparedVault, runner: Client, opened: Client) -> None:
    """A grant may not revoke or look up other tokens, nor see the hold or the anchors."""
    other = grant.mint_wrapped(runner, grant_request())
    for path in ("auth/token/revoke-accessor", "auth/token/lookup-accessor"):
        with pytest.raises(DeniedByVault):
            opened.post(path, {"accessor": other.accessor})
    for path in (
        "kv/data/breakglass/hold",
        "kv/data/breakglass/anchors/a/1",
        "auth/token/roles/breakglass-child-web-operator",
    ):
        with pytest.raises(DeniedByVault):
            opened.get(path)
    assert prepared.admin.ask("auth/token/lookup-accessor", {"accessor": other.accessor})
