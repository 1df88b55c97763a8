# SPDX-License-Identifier: GPL-3.0-or-later
"""What `vault plan` says about the roles of the site that an access relies on, and what the rules really open."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    CredentialSpec,
    DatabaseRole,
    HostCertificates,
    PkiRole,
    SecretPath,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.advice import advice
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import plan
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired
from tests.integration.credentials.conftest import HERE

if TYPE_CHECKING:
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault


def said(vault: PreparedVault, *credentials: CredentialSpec, box: timedelta = timedelta(minutes=15)) -> list[str]:
    return advice(vault.admin, [AccessSpec("web", ("web1",), None, box, credentials)])


@pytest.mark.usefixtures("databases")
def test_a_good_role_needs_no_advice(vault: PreparedVault) -> None:
    """Users of five minutes at most, that end their sessions, and certificates with leases."""
    good = (
        DatabaseRole("database", "shop"),
        PkiRole("cred-pki", "leased"),
        HostCertificates(),
        SecretPath("kv2", "kv", "a"),
    )
    assert said(vault, *good) == []


@pytest.mark.usefixtures("databases")
def test_what_would_outlive_a_grant_is_said(vault: PreparedVault) -> None:
    """Each in one sentence with what it is and what it should be."""
    first, most = said(vault, DatabaseRole("database", "long"))
    assert "default_ttl is 1800 s; set 5m or less" in first
    assert "max_ttl is 3600 s; set the access's max_time_box of 900 s or less" in most
    (lease,) = said(vault, PkiRole("cred-pki", "unleased"))
    assert lease.startswith("! PKI role unleased at cred-pki/ (access web): generate_lease is off")
    vault.admin.post(
        "database/roles/bare", {"db_name": "shop", "creation_statements": ["x"], "default_ttl": "1m", "max_ttl": "2m"}
    )
    (sessions,) = said(vault, DatabaseRole("database", "bare"))
    assert "no revocation_statements" in sessions
    vault.admin.delete("database/roles/bare")


@pytest.mark.parametrize(
    "missing",
    [
        DatabaseRole("database", "absent"),
        DatabaseRole("nowhere", "x"),
        PkiRole("cred-pki", "absent"),
        PkiRole("kv", "x"),
    ],
)
def test_what_is_not_there_is_said(vault: PreparedVault, missing: CredentialSpec) -> None:
    """A role or an engine that nobody made."""
    (sentence,) = said(vault, missing)
    assert "it is not there" in sentence


def test_what_was_applied_is_what_is_wanted(vault: PreparedVault) -> None:
    """A second plan for an access of every kind changes nothing."""
    assert [
        line for change in plan(vault.admin, desired([HERE])) for line in change.lines() if "every-kind" in line
    ] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", "kv/data/breakglass/hold", None),
        ("get", "kv/data/other", None),
        ("post", "kv/data/shop/api", {"data": {}}),
        ("get", "kv/metadata/shop/api", None),
        ("post", "old-kv/shop", {"a": "b"}),
        ("post", "cred-pki/issue/unleased", {"common_name": "a"}),
        ("post", "cred-pki/sign/leased", {"csr": "x", "common_name": "a"}),
        ("post", "cred-pki/sign-verbatim/leased", {"csr": "x", "common_name": "a", "ttl": "1s"}),
        ("post", "cred-pki/revoke", {"serial_number": "1"}),
        (
            "post",
            "ssh-breakglass/sign/breakglass-web-operator",
            {"public_key": "x", "valid_principals": "web1", "ttl": "1s"},
        ),
        (
            "post",
            "ssh-breakglass/sign/breakglass-host",
            {"public_key": "x", "valid_principals": "a", "ttl": "1s", "cert_type": "host"},
        ),
        ("post", "auth/token/create", {}),
        ("post", "auth/token/renew-self", {}),
        ("post", "sys/policies/acl/breakglass-grant", {"policy": ""}),
    ],
)
def test_a_grant_opens_nothing_besides(
    granted: LiveRun, vault: PreparedVault, method: str, path: str, body: dict[str, object] | None
) -> None:
    """What no credential of the access needs is denied by Vault itself."""
    own = vault.admin.with_token(granted.run.token.read_text(encoding="ascii"))
    with pytest.raises(DeniedByVault):
        own.get(path) if body is None else getattr(own, method)(path, body)
