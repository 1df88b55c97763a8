# SPDX-License-Identifier: GPL-3.0-or-later
"""`credentials:` of an access: each kind with its own keys, and nothing that Vault would open too widely."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import jsonschema
import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import AccessSpec
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import SSH_MOUNTS
from tests.unit.policy.policy_material import SMALLEST, hostile_values

from breakglass.domain.rules import Policy, SshCredential, VaultCredential
from breakglass.inventory import Inventory
from breakglass.policy.problems import PolicyErrors
from breakglass.policy.schema import policy_schema
from breakglass.vault_setup import access_specs

Load = Callable[..., Policy]
Problems = Callable[..., list[str]]


INVENTORY = Inventory({"web1": frozenset({"web"})})


def with_credentials(text: str) -> str:
    return SMALLEST.replace("hosts: [web]", f"hosts: [web]\n    credentials: {text}")


def credentials_of(policy: Policy) -> tuple[VaultCredential, ...]:
    return policy.access["web-operator"].credentials


@pytest.mark.parametrize(
    ("item", "credential"),
    [
        ("{kind: ssh_host}", VaultCredential("ssh_host")),
        ("{kind: database, role: shop-admin}", VaultCredential("database", "database", "shop-admin")),
        ("{kind: database, role: shop, mount: pg/one}", VaultCredential("database", "pg/one", "shop")),
        ("{kind: pki, role: shop}", VaultCredential("pki", "pki", "shop")),
        ("{kind: pki_host, role: shop}", VaultCredential("pki_host", "pki", "shop")),
        ("{kind: rotation, role: shop}", VaultCredential("rotation", "database", "shop", "database")),
        ("{kind: rotation, path: shop/mail}", VaultCredential("rotation", "kv", "shop/mail", "kv2")),
        ("{kind: secret, path: shop/api}", VaultCredential("secret", "kv", "shop/api", "kv2")),
        ('{kind: secret, path: "shop/*"}', VaultCredential("secret", "kv", "shop/*", "kv2")),
        ("{kind: secret, path: a, mount: old, engine: kv1}", VaultCredential("secret", "old", "a", "kv1")),
        (
            "{kind: secret, path: creds/x, mount: aws, engine: dynamic}",
            VaultCredential("secret", "aws", "creds/x", "dynamic"),
        ),
    ],
)
def test_each_kind_is_understood(load: Load, item: str, credential: VaultCredential) -> None:
    """With the mount and the engine that are usual where they are not named; the schema takes it as well."""
    text = with_credentials(f"[{item}]")
    policy = load(text)
    assert credentials_of(policy) == (credential,)
    assert policy.access["web-operator"].ssh is None
    assert jsonschema.Draft202012Validator(policy_schema()).is_valid(yaml.safe_load(text))


def test_without_credentials_there_is_ssh_and_an_empty_list_opens_nothing(load: Load) -> None:
    """SSH is what an access is for; whoever writes an empty list means it."""
    assert load(SMALLEST).access["web-operator"].ssh == SshCredential("breakglass")
    none = load(with_credentials("[]")).access["web-operator"]
    assert (none.ssh, none.credentials) == (None, ())


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("{kind: database}", 'A credential of "kind: database" needs "role".'),
        ("{kind: pki, mount: pki}", 'A credential of "kind: pki" needs "role".'),
        ("{kind: secret}", 'A credential of "kind: secret" needs "path".'),
        ("{kind: pki_host}", 'A credential of "kind: pki_host" needs "role".'),
        ("{kind: rotation}", 'A credential of "kind: rotation" needs "role" or "path"'),
        ("{kind: rotation, role: a, path: b}", 'A credential of "kind: rotation" needs "role" or "path"'),
        ('{kind: rotation, path: "shop/*"}', "A rotation is of one secret"),
        ("{kind: rotation, path: breakglass/hold}", "no access may open them"),
        ("{kind: rotation, path: breakglass-x, mount: kv/data}", "kv/ is a key-value store of version 2"),
        ("{kind: ssh, role: x}", '"role" does not belong to a credential of "kind: ssh".'),
        ("{kind: ssh_host, user: x}", '"user" does not belong to a credential of "kind: ssh_host".'),
        ("{kind: database, role: x, path: y}", '"path" does not belong to a credential of "kind: database".'),
        ("{kind: databse, role: x}", 'Did you mean "database"?'),
        ("{role: x}", "this key is missing"),
        ("ssh", "must be a mapping"),
        ("{kind: [ssh]}", "Write one of"),
        ("{kind: database, role: a/b}", "Write the name of a role in Vault"),
        ("{kind: database, role: [a]}", "Write the name of a role in Vault"),
        ('{kind: database, role: "*"}', "Write the name of a role in Vault"),
        ("{kind: database, role: x, mount: database/*}", "Write where an engine of Vault is mounted"),
        ("{kind: database, role: x, mount: /database}", "Write where an engine of Vault is mounted"),
        ("{kind: database, role: x, mount: sys}", "it is Vault's own, or ours"),
        *(
            (f"{{kind: secret, path: sign/x, mount: {mount}, engine: dynamic}}", "it is Vault's own, or ours")
            for mount in SSH_MOUNTS
        ),
        ("{kind: secret, path: create, mount: auth/token, engine: dynamic}", "it is Vault's own, or ours"),
        (
            "{kind: secret, path: sign/breakglass-journal, mount: transit, engine: dynamic}",
            "it is Vault's own, or ours",
        ),
        ("{kind: secret, path: breakglass/hold}", "no access may open them"),
        ('{kind: secret, path: "breakglass/*"}', "no access may open them"),
        ('{kind: secret, path: "*"}', "Write a path in Vault"),
        ("{kind: secret, path: a/../b}", "Write a path in Vault"),
        ("{kind: secret, path: a/+/b}", "Write a path in Vault"),
        ("{kind: secret, path: data/breakglass/hold, engine: kv1}", "kv/ is a key-value store of version 2"),
        (
            "{kind: secret, path: breakglass-x, mount: kv/data, engine: dynamic}",
            "kv/ is a key-value store of version 2",
        ),
        ("{kind: secret, path: a, engine: kv3}", "Did you mean"),
    ],
)
def test_a_fault_is_named_with_its_line(problems: Problems, item: str, said: str) -> None:
    """One sentence with the line of the access."""
    found = problems(with_credentials(f"[{item}]"))
    assert any(said in line for line in found), found
    assert all(line.startswith("1.yml:") for line in found)


@pytest.mark.parametrize(("name", "value"), hostile_values())
def test_what_the_policy_takes_vault_takes(load: Load, name: str, value: object) -> None:
    """A value of the corpus as role, mount or path is refused by the policy, or becomes a rule of its own: never later."""
    for item in (
        {"kind": "database", "role": value},
        {"kind": "pki", "role": "x", "mount": value},
        {"kind": "secret", "path": value},
        {"kind": "rotation", "path": value},
        {"kind": "secret", "path": "a", "mount": value, "engine": "dynamic"},
    ):
        document = yaml.safe_load(SMALLEST)
        document["access"]["web-operator"]["credentials"] = [item]
        with suppress(PolicyErrors):
            policy = load(yaml.safe_dump(document))
            (spec,) = access_specs(policy, INVENTORY)
            assert spec.rules().count('path "') == 1, name


def test_the_accesses_of_a_policy_are_those_of_vault(load: Load) -> None:
    """Hosts of the inventory's groups, the box, SSH and every credential reach the rules."""
    text = '[{kind: ssh, user: ops}, {kind: ssh_host}, {kind: pki, role: shop}, {kind: secret, path: "shop/*"}]'
    (spec,) = access_specs(load(with_credentials(text)), INVENTORY)
    assert isinstance(spec, AccessSpec)
    assert (spec.hosts, spec.ssh_user, spec.max_time_box) == (("web1",), "ops", timedelta(minutes=15))
    rules = spec.rules()
    for path in (
        "sign/breakglass-web-operator",
        "sign/breakglass-host-web-operator",
        "pki/sign/shop",
        "kv/data/shop/*",
    ):
        assert f'{path}"' in rules


def test_a_credential_is_part_of_what_a_policy_means(load: Load) -> None:
    """Another role is another policy digest; the usual mount written out is the same."""
    digest = load(with_credentials("[{kind: pki, role: a}]")).digest
    assert load(with_credentials("[{kind: pki, role: a, mount: pki}]")).digest == digest
    assert load(with_credentials("[{kind: pki, role: b}]")).digest != digest
    assert load(with_credentials("[{kind: pki, role: a, mount: other}]")).digest != digest
    assert load(with_credentials("[{kind: pki, role: a}, {kind: ssh_host}]")).digest != digest
