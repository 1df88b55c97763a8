# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning and writing what stands in Vault."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import closing, grant, ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, ForeignObject
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import (
    apply,
    desired,
    plan,
    secret_id,
    summary,
)
from tests.support.openbao import ACCESSES, DATABASE, WEB, grant_request

if TYPE_CHECKING:
    from tests.support.openbao import PreparedVault

    from breakglass.demo.openbao import OpenBao


def admin_of(server: OpenBao) -> Client:
    return Client(Connection(url=server.url), server.root_token)


def test_a_fresh_vault_needs_everything_and_then_nothing(own_openbao: OpenBao) -> None:
    """The plan of an empty Vault only adds; after applying it, the plan is empty."""
    admin = admin_of(own_openbao)
    changes = plan(admin, desired(ACCESSES))
    lines = [line for change in changes for line in change.lines()]
    assert all(line.startswith("+ ") for line in lines)
    assert "+ token role breakglass-child-web-operator" in lines
    assert summary(changes) == f"{len(changes)} to add, 0 to change, 0 to remove. Nothing of yours is touched."
    apply(admin, changes)
    assert plan(admin, desired(ACCESSES)) == []


def test_signing_in_needs_an_address_and_then_nothing(own_openbao: OpenBao) -> None:
    """Client and provider come with the groups and the address of the pages; another address is a change of one field."""
    admin = admin_of(own_openbao)
    at, elsewhere = "https://breakglass.example.com/signed-in", "https://other.example.com/signed-in"
    apply(admin, plan(admin, desired(ACCESSES, groups=["dba"])))
    changes = plan(admin, desired(ACCESSES, groups=["dba"], sign_in_at=at))
    lines = [line for change in changes for line in change.lines()]
    assert lines == ["+ sign-in client breakglass", "+ sign-in provider breakglass"]
    apply(admin, changes)
    assert plan(admin, desired(ACCESSES, groups=["dba"], sign_in_at=at)) == []
    moved = plan(admin, desired(ACCESSES, groups=["dba"], sign_in_at=elsewhere))
    assert [line for change in moved for line in change.lines()] == [
        "~ sign-in client breakglass",
        f"    redirect_uris: {at} -> {elsewhere}",
    ]


def test_planning_changes_nothing(own_openbao: OpenBao) -> None:
    """Two plans of one Vault are equal."""
    admin = admin_of(own_openbao)
    assert plan(admin, desired(ACCESSES)) == plan(admin, desired(ACCESSES))


def test_other_hosts_and_boxes_show_as_changes(prepared: PreparedVault) -> None:
    """A host more and a shorter box are shown field by field, and putting them back is a change again."""
    changed = replace(WEB, hosts=("web1", "web2", "web3"), max_time_box=timedelta(minutes=5))
    changes = plan(prepared.admin, desired((changed, DATABASE)))
    lines = [line for change in changes for line in change.lines()]
    assert "    allowed_users: web1,web2 -> web1,web2,web3" in lines
    assert "    token_explicit_max_ttl: 900 -> 300" in lines
    assert summary(changes).startswith("0 to add, 4 to change")
    apply(prepared.admin, changes)
    assert plan(prepared.admin, desired((changed, DATABASE))) == []
    apply(prepared.admin, plan(prepared.admin, desired(ACCESSES)))
    assert plan(prepared.admin, desired(ACCESSES)) == []


def test_a_policy_that_somebody_widened_shows_as_a_change(prepared: PreparedVault) -> None:
    """Drift in a policy or in a role is seen and put right."""
    prepared.admin.post("sys/policies/acl/breakglass-grant", {"policy": 'path "*" { capabilities = ["sudo"] }'})
    prepared.admin.post("auth/token/roles/breakglass-child-web-operator", {"allowed_policies_glob": ["*"]})
    changes = plan(prepared.admin, desired(ACCESSES))
    assert [line for change in changes for line in change.lines()] == [
        "~ policy breakglass-grant",
        "    policy: the text differs",
        "~ token role breakglass-child-web-operator",
        "    allowed_policies_glob: * -> nothing",
    ]
    apply(prepared.admin, changes)
    assert plan(prepared.admin, desired(ACCESSES)) == []


def test_an_access_less_removes_nothing(prepared: PreparedVault) -> None:
    """What is no longer wanted is left alone."""
    assert plan(prepared.admin, desired((WEB,))) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sys/mounts/ssh-breakglass", {"type": "kv"}),
        ("sys/mounts/transit", {"type": "kv"}),
        ("sys/mounts/kv", {"type": "kv", "options": {"version": "1"}}),
        ("sys/auth/approle", {"type": "userpass"}),
    ],
)
def test_a_mount_of_another_type_stops_the_plan(own_openbao: OpenBao, path: str, body: dict[str, object]) -> None:
    """Something else at one of our places is told and left alone."""
    admin = admin_of(own_openbao)
    admin.post(path, body)
    with pytest.raises(ForeignObject, match="left alone"):
        plan(admin, desired(ACCESSES))


def test_a_signing_key_of_another_type_stops_the_plan(own_openbao: OpenBao) -> None:
    """A journal key that could be exported, or is of another type, is not taken."""
    admin = admin_of(own_openbao)
    admin.post("sys/mounts/transit", {"type": "transit"})
    admin.post("transit/keys/breakglass-journal", {"type": "ecdsa-p256", "exportable": True})
    with pytest.raises(ForeignObject, match="type, exportable"):
        plan(admin, desired(ACCESSES))


def test_what_others_keep_in_shared_mounts_stays(own_openbao: OpenBao) -> None:
    """Mounts of the right type that were there before are used as they are, with all that is in them."""
    admin = admin_of(own_openbao)
    for name, body in (("kv", {"type": "kv", "options": {"version": "2"}}), ("transit", {"type": "transit"})):
        admin.post(f"sys/mounts/{name}", {**body, "description": "of others"})
    admin.post("transit/keys/of-others", {"type": "ed25519"})
    before = section(admin.get("transit/keys/of-others"), "data")
    apply(admin, plan(admin, desired(ACCESSES)))
    assert section(admin.get("transit/keys/of-others"), "data") == before
    assert section(section(admin.get("sys/mounts"), "data"), "kv/")["description"] == "of others"


def test_a_login_without_an_admins_rights_cannot_plan(operator: Client) -> None:
    """An operator is told by Vault."""
    with pytest.raises(DeniedByVault):
        plan(operator, desired(ACCESSES))


def test_each_secret_id_logs_in(prepared: PreparedVault) -> None:
    """Issuing again gives a new secret id for the same role, and both log in."""
    one, other = secret_id(prepared.admin), secret_id(prepared.admin)
    assert one[0] == other[0]
    assert one[1] != other[1]
    for role, secret in (one, other):
        options = {"auth_method": "approle", "role_id": role, "secret_id": secret}
        assert login_method(options, {}).authenticate(prepared.admin).made_by_us


def test_all_of_it_works_inside_a_namespace(own_openbao: OpenBao) -> None:
    """Preparing, minting, unwrapping, signing and closing work the same in a namespace."""
    admin_of(own_openbao).post("sys/namespaces/team", {})
    admin = Client(Connection(url=own_openbao.url, namespace="team"), own_openbao.root_token)
    apply(admin, plan(admin, desired(ACCESSES)))
    assert plan(admin, desired(ACCESSES)) == []
    role, secret = secret_id(admin)
    login = login_method({"auth_method": "approle", "role_id": role, "secret_id": secret}, {}).authenticate(admin)
    runner = admin.with_token(login.token)
    wrapped = grant.mint_wrapped(runner, grant_request())
    opened = grant.unwrap(runner, wrapped.token, grant_request(), wrapped.accessor)
    keys = ssh.generate_key_pair()
    request = ssh.SshRequest(("web1",), "INC-TEST", timedelta(minutes=1))
    assert ssh.sign(runner.with_token(opened.token), WEB.name, keys.public_key, request).principals == ("web1",)
    assert closing.close(runner, wrapped.accessor).proven
