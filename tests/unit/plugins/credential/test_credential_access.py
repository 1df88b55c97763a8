# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that open the credentials of an access: word for word, and nothing besides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki import PkiOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder, _texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import names
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    CredentialSpec,
    DatabaseRole,
    HostCertificates,
    KeptSecret,
    PkiHostRole,
    PkiRole,
    SecretPath,
    StaticRole,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.database import database_path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.pki import PkiRequest, pki_path
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest
from tests.support.corpus import HOSTILE

BOX = timedelta(minutes=15)
HEADER = "# breakglass-access-web: the credentials of one access. Written by breakglass vault apply.\n"
SSH = """\
path "ssh-breakglass/sign/breakglass-web" {
  capabilities        = ["update"]
  required_parameters = ["public_key", "valid_principals", "key_id", "ttl", "cert_type"]
  allowed_parameters  = {
    "public_key" = [], "valid_principals" = [], "key_id" = [], "ttl" = [], "cert_type" = ["user"]
  }
}
"""
SSH_HOST = """\
path "ssh-breakglass/sign/breakglass-host-web" {
  capabilities        = ["update"]
  required_parameters = ["public_key", "valid_principals", "ttl", "cert_type"]
  allowed_parameters  = {
    "public_key" = [], "valid_principals" = [], "ttl" = [], "cert_type" = ["host"]
  }
}
"""
AUTHORITY = """\
path "ssh-breakglass/config/ca" { capabilities = ["read"] }
path "ssh-breakglass-next/public_key" { capabilities = ["read"] }
path "ssh-breakglass/public_key" { capabilities = ["read"] }
path "ssh-breakglass-previous/public_key" { capabilities = ["read"] }
"""
PKI = """\
path "pki/sign/shop" {
  capabilities        = ["update"]
  required_parameters = ["csr", "common_name", "ttl"]
  allowed_parameters  = { "csr" = [], "common_name" = [], "alt_names" = [], "ip_sans" = [], "ttl" = [], "format" = ["pem"] }
}
"""
ROTATED = """\
path "kv/data/shop/mail" {
  capabilities       = ["read", "update"]
  allowed_parameters = { "data" = [], "options" = [] }
}
"""
STATIC = """\
path "database/rotate-role/shop" { capabilities = ["update"] }
path "database/static-creds/shop" { capabilities = ["read"] }
"""
DATABASE = 'path "database/creds/shop-admin" { capabilities = ["read"] }\n'


def rules(*credentials: CredentialSpec, user: str | None = None) -> str:
    return AccessSpec("web", ("web1",), user, BOX, credentials).rules()


def test_an_access_without_credentials_opens_nothing() -> None:
    """Its policy is a comment."""
    assert rules() == HEADER


def test_each_kind_has_its_own_rule() -> None:
    """SSH, host certificates, database, PKI: the exact text, in a fixed order."""
    assert rules(user="breakglass") == HEADER + SSH + AUTHORITY
    assert rules(HostCertificates()) == HEADER + SSH_HOST + AUTHORITY
    everything = rules(DatabaseRole("database", "shop-admin"), HostCertificates(), PkiRole("pki", "shop"), user="x")
    assert everything == HEADER + SSH + SSH_HOST + AUTHORITY + DATABASE + PKI


def test_a_rotation_opens_one_secret() -> None:
    """It may be read and made anew, and never be made where there is none; a host's certificate has the rule of all."""
    assert rules(KeptSecret("kv", "shop/mail")) == HEADER + ROTATED
    assert rules(StaticRole("database", "shop")) == HEADER + STATIC
    assert rules(PkiHostRole("pki", "shop")) == rules(PkiRole("pki", "shop"))


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        (SecretPath("kv2", "kv", "shop/api"), 'path "kv/data/shop/api" { capabilities = ["read"] }\n'),
        (SecretPath("kv2", "kv", "shop/*"), 'path "kv/data/shop/*" { capabilities = ["read"] }\n'),
        (SecretPath("kv1", "old/kv", "shop"), 'path "old/kv/shop" { capabilities = ["read"] }\n'),
        (SecretPath("dynamic", "aws", "creds/x"), 'path "aws/creds/x" { capabilities = ["read", "update"] }\n'),
    ],
)
def test_a_secret_is_opened_to_read(spec: SecretPath, rule: str) -> None:
    """Only an engine that makes secrets may be written to, since that is how it is asked."""
    assert rules(spec) == HEADER + rule


def test_the_order_and_number_of_the_same_rules_does_not_matter() -> None:
    """So that a policy in another order is no change in Vault."""
    one, two = SecretPath("kv2", "kv", "a"), DatabaseRole("database", "b")
    assert rules(one, two, one) == rules(two, one)


@pytest.mark.parametrize(
    "spec",
    [
        *(
            SecretPath("kv2", "kv", path)
            for path in ("breakglass/hold", "breakglass", "breakglass/*", "*", "/*", "a/*/b")
        ),
        *(
            SecretPath("kv2", "kv", path)
            for path in ("", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "+", "a/+/b", "a*")
        ),
        *(
            SecretPath("kv2", "kv", path)
            for path in ('a" { }', "a\n", "a b", "{{identity.entity.id}}", "ä", "a\\b", "a?b")
        ),
        SecretPath("kv1", "kv", "data/breakglass/hold"),
        SecretPath("kv1", "kv", "data/*"),
        SecretPath("kv1", "kv/data", "breakglass/hold"),
        SecretPath("kv1", "kv/data/breakglass", "hold"),
        SecretPath("dynamic", "kv", "data/breakglass/hold"),
        SecretPath("dynamic", "kv/metadata", "x"),
        SecretPath("dynamic", "auth/token", "create"),
        SecretPath("dynamic", "auth", "token/create"),
        SecretPath("dynamic", "sys", "policies/acl/breakglass-runner"),
        SecretPath("dynamic", "identity", "oidc/role/x"),
        SecretPath("dynamic", "transit", "sign/breakglass-journal"),
        SecretPath("dynamic", "ssh-breakglass", "sign/breakglass-other"),
        SecretPath("dynamic", "ssh-breakglass-next", "sign/breakglass-web"),
        SecretPath("dynamic", "ssh-breakglass-previous", "sign/breakglass-web"),
        SecretPath("kv1", "ssh-breakglass-next", "config/ca"),
        *(DatabaseRole("database", role) for role in ("", "a/b", "*", "+", "../x", "a b", 'a"', "-a", ".a", "a" * 129)),
        *(
            DatabaseRole(mount, "a")
            for mount in ("", "/database", "database/", "a//b", "..", "a/..", "a*", "a b", '"', "sys")
        ),
        *(PkiRole(mount, "a") for mount in ("", "pki/*", "pki\n", "auth")),
        PkiRole("pki", "a/../../sys"),
        *(KeptSecret("kv", path) for path in ("breakglass/hold", "breakglass", "a/*", "*", "../a", 'a" { }', "")),
        *(KeptSecret(mount, "a") for mount in ("kv/data", "sys", "auth/approle", "kv/*")),
        *(StaticRole("database", role) for role in ("", "*", "a/b", "../x", 'a"')),
        StaticRole("sys", "a"),
    ],
)
def test_no_rule_opens_more_than_it_says(spec: CredentialSpec) -> None:
    """Patterns, other paths, our own anchors, and engines that hold no credentials are refused before Vault sees them."""
    with pytest.raises(UnusableRequest):
        rules(spec)


@pytest.mark.parametrize(("label", "value"), HOSTILE)
def test_hostile_text_never_becomes_a_rule(label: str, value: object) -> None:
    """A value of the corpus is refused as mount, role and path, or stands in one path as it is."""
    text = str(value)
    for spec in (
        DatabaseRole("database", text),
        DatabaseRole(text, "a"),
        PkiRole("pki", text),
        SecretPath("kv2", "kv", text),
    ):
        try:
            rule = spec.rules()
        except UnusableRequest:
            continue
        assert rule.count('path "') == 1, label
        assert not set(text) & set('"{}\n*+ '), label


@pytest.mark.parametrize("check", [names.mount_point, names.role_name, names.secret_path])
@pytest.mark.parametrize("text", ["", ".", "..", "a/..", "*", "a b", "a\n", "\n", "a\0", "é", "٣", "{{x}}", "a/", "/"])
def test_what_can_stand_in_no_path_is_refused(check: object, text: str) -> None:
    """For mounts, roles and secrets alike."""
    with pytest.raises(UnusableRequest):
        check(text)


def test_paths_are_built_of_checked_names() -> None:
    """What the run asks for is what the rule opens."""
    assert database_path("database", "shop-admin") == "database/creds/shop-admin"
    assert pki_path("pki/int", "shop") == "pki/int/sign/shop"
    assert SecretRequest(Engine.KV2, "kv", "a/b").vault_path == "kv/data/a/b"
    assert SecretRequest(Engine.KV1, "old", "a").vault_path == "old/a"


@pytest.mark.parametrize("engine", [Engine.KV1, Engine.DYNAMIC])
def test_versions_are_for_kv2_only(engine: Engine) -> None:
    """A version of anything else is refused, as are parameters of a store."""
    with pytest.raises(UnusableRequest, match="versions"):
        SecretRequest(engine, "x", "a", version=1)
    with pytest.raises(UnusableRequest, match="parameters"):
        SecretRequest(Engine.KV2, "kv", "a", parameters={})


@pytest.mark.parametrize(("form", "key"), [("plain", ""), ("json", "a"), ("environment", "a")])
def test_a_key_goes_with_plain_and_plain_with_a_key(form: str, key: str) -> None:
    """Any other pair is refused before Vault is asked."""
    with pytest.raises(UnusableOrder, match="named by key"):
        SecretOrder("x", SecretRequest(Engine.KV2, "kv", "a"), form, key)


def test_every_text_inside_a_secret_is_masked() -> None:
    """However deep it lies; a truth value is none, and its word stays readable everywhere else."""
    values = {"a": "one", "b": {"c": ["two", {"d": 1234}]}, "e": True, "f": None}
    assert list(_texts(values)) == ["one", "two", "1234"]


@pytest.mark.parametrize(
    ("names_of", "addresses", "seconds"),
    [((), ("web1",), 60), ((), ("1.2.3",), 60), (("a b",), (), 60), (("*.shop",), (), 60), ((), (), 0)],
)
def test_a_certificate_for_no_name_is_refused(
    names_of: tuple[str, ...], addresses: tuple[str, ...], seconds: int
) -> None:
    """Addresses that are none, names with other characters or patterns, and no life at all."""
    with pytest.raises(UnusableRequest):
        PkiRequest("shop", names_of, addresses, timedelta(seconds=seconds))


def test_an_order_tells_its_request_and_no_secret() -> None:
    """Parameters of an engine may be secret, so only their names count."""
    request = SecretRequest(Engine.DYNAMIC, "aws", "creds/x", parameters={"ttl": "canary"})
    assert "canary" not in repr(SecretOrder("x", request, "json", "").identity())
    order = PkiOrder("p", "pki", "shop", "pem", "shop", ("b", "a"), (), None, lease_required=True)
    assert order.identity()["alternative_names"] == ["a", "b"]
