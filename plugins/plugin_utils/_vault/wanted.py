# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in Vault for a set of accesses, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from . import policies
from .errors import UnusableRequest
from .grant_facts import GrantKind
from .names import (
    APPROLE_MOUNT,
    AUTHORITY_PATH,
    GRANT_POLICY,
    HOST_ROLE,
    IDENTITY_KEY_PATH,
    IDENTITY_NAME,
    IDENTITY_ROLE_PATH,
    JOURNAL_KEY_PATH,
    KV_MOUNT,
    OPERATOR_POLICY,
    RENEWING_POLICY,
    RUNNER_POLICY,
    RUNNER_ROLE_PATH,
    SSH_MOUNT,
    TRANSIT_MOUNT,
    access_policy,
    ssh_host_role,
    ssh_role,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .access import AccessSpec

RUNNER_PERIOD: Final = timedelta(minutes=10)
"""How long a runner's session, and with it its grants, outlives a runner that stopped renewing it."""

IDENTITY_TOKEN_LIFE: Final = timedelta(minutes=5)
IDENTITY_KEY_ROTATION: Final = timedelta(days=1)
HOST_CERTIFICATE_LIFE: Final = timedelta(days=90)

_BACKDATED_SECONDS: Final = 30


class Kind(Enum):
    """How an object is read, compared and written."""

    SECRETS_MOUNT = "secrets engine"
    LOGIN_MOUNT = "login method"
    MADE_ONCE = "made once"
    POLICY = "policy"
    ROLE = "role"


@dataclass(frozen=True)
class Wanted:
    """One object that must stand in Vault.

    Attributes:
        kind: How it is handled.
        title: What people call it, as in `token role breakglass-child-web-operator`.
        path: Where it is read and written.
        body: What is written; for the kinds that can change, what is compared.
        must_be: Fields of an object that is made once, which can't be changed afterwards.
    """

    kind: Kind
    title: str
    path: str
    body: Mapping[str, object]
    must_be: tuple[tuple[str, object], ...] = ()


def desired(accesses: Sequence[AccessSpec], runner_period: timedelta = RUNNER_PERIOD) -> list[Wanted]:
    """Return everything that must stand in Vault, in the order in which it can be written.

    Raises:
        UnusableRequest: Two accesses have one name.
    """
    names = [access.name for access in accesses]
    if len(set(names)) != len(names):
        raise UnusableRequest("Two accesses have the same name; rename one.")
    found = [
        *_mounts(),
        *_made_once(),
        *_identity(),
        *_shared_policies(),
        _host_role(HOST_ROLE, "*"),
        _runner(runner_period),
    ]
    for access in accesses:
        found += _for_access(access)
    return found


def _mounts() -> Iterator[Wanted]:
    ours = "breakglass.remediation"
    yield Wanted(
        Kind.SECRETS_MOUNT, f"{SSH_MOUNT}/ (SSH)", f"sys/mounts/{SSH_MOUNT}", {"type": "ssh", "description": ours}
    )
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{TRANSIT_MOUNT}/ (signing)",
        f"sys/mounts/{TRANSIT_MOUNT}",
        {"type": "transit", "description": ours},
    )
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{KV_MOUNT}/ (key-value store, version 2)",
        f"sys/mounts/{KV_MOUNT}",
        {"type": "kv", "description": ours, "options": {"version": "2"}},
    )
    yield Wanted(
        Kind.LOGIN_MOUNT,
        f"auth/{APPROLE_MOUNT}/ (AppRole login)",
        f"sys/auth/{APPROLE_MOUNT}",
        {"type": "approle", "description": ours},
    )


def _made_once() -> Iterator[Wanted]:
    yield Wanted(
        Kind.MADE_ONCE,
        "SSH certificate authority",
        AUTHORITY_PATH,
        {"generate_signing_key": True, "key_type": "ed25519"},
    )
    yield Wanted(
        Kind.MADE_ONCE,
        "signing key of the journal",
        JOURNAL_KEY_PATH,
        {"type": "ed25519", "exportable": False, "allow_plaintext_backup": False},
        must_be=(("type", "ed25519"), ("exportable", False), ("derived", False)),
    )


def _identity() -> Iterator[Wanted]:
    """Short-lived tokens with which people say to a runner who they are; what they may is looked up live."""
    key = {
        "algorithm": "EdDSA",
        "allowed_client_ids": ["*"],
        "rotation_period": _seconds(IDENTITY_KEY_ROTATION),
        "verification_ttl": _seconds(IDENTITY_KEY_ROTATION),
    }
    role = {"key": IDENTITY_NAME, "ttl": _seconds(IDENTITY_TOKEN_LIFE)}
    yield Wanted(Kind.ROLE, f"identity key {IDENTITY_NAME}", IDENTITY_KEY_PATH, key)
    yield Wanted(Kind.ROLE, f"identity role {IDENTITY_NAME}", IDENTITY_ROLE_PATH, role)


def _shared_policies() -> Iterator[Wanted]:
    yield _policy(RUNNER_POLICY, policies.RUNNER)
    yield _policy(GRANT_POLICY, policies.GRANT)
    yield _policy(RENEWING_POLICY, policies.RENEWING)
    yield _policy(OPERATOR_POLICY, policies.OPERATOR)


def _policy(name: str, text: str) -> Wanted:
    return Wanted(Kind.POLICY, f"policy {name}", f"sys/policies/acl/{name}", {"policy": text})


def _host_role(role: str, domains: str) -> Wanted:
    """An SSH role for host certificates: the admins' own for any host, an access's for its hosts only."""
    body = {
        **_ssh_body(HOST_CERTIFICATE_LIFE),
        "allow_host_certificates": True,
        "allow_user_certificates": False,
        "allowed_domains": domains,
        "allow_bare_domains": True,
        "allow_subdomains": domains == "*",
        "allowed_users": "",
    }
    return Wanted(Kind.ROLE, f"SSH role {role}", f"{SSH_MOUNT}/roles/{role}", body)


def _runner(period: timedelta) -> Wanted:
    body: dict[str, object] = {
        "token_type": "service",
        "token_period": _seconds(period),
        "token_no_default_policy": True,
        "token_policies": [RUNNER_POLICY],
        "token_explicit_max_ttl": 0,
        "token_num_uses": 0,
        "bind_secret_id": True,
    }
    return Wanted(Kind.ROLE, f"AppRole {RUNNER_POLICY}", RUNNER_ROLE_PATH, body)


def _for_access(access: AccessSpec) -> Iterator[Wanted]:
    yield _policy(access_policy(access.name), access.rules())
    if access.ssh_user is not None:
        yield _user_role(access)
    if access.certifies_hosts:
        yield _host_role(ssh_host_role(access.name), ",".join(sorted(access.hosts)))
    for kind in GrantKind:
        yield _token_role(access, kind)


def _user_role(access: AccessSpec) -> Wanted:
    body = {
        **_ssh_body(access.max_time_box),
        "allow_host_certificates": False,
        "allow_user_certificates": True,
        "allowed_users": ",".join(sorted(access.hosts)),
        "allowed_domains": "",
    }
    role = ssh_role(access.name)
    return Wanted(Kind.ROLE, f"SSH role {role}", f"{SSH_MOUNT}/roles/{role}", body)


def _token_role(access: AccessSpec, kind: GrantKind) -> Wanted:
    body: dict[str, object] = {
        "allowed_policies": sorted(kind.policies(access.name)),
        "allowed_policies_glob": [],
        "disallowed_policies": [],
        "disallowed_policies_glob": [],
        "allowed_entity_aliases": [],
        "orphan": kind is not GrantKind.CHILD,
        "renewable": kind is GrantKind.SHORT,
        "token_type": "service",
        "token_no_default_policy": True,
        "token_explicit_max_ttl": _seconds(access.max_time_box),
        "token_period": 0,
        "path_suffix": "",
    }
    role = kind.role(access.name)
    return Wanted(Kind.ROLE, f"token role {role}", f"auth/token/roles/{role}", body)


def _ssh_body(life: timedelta) -> dict[str, object]:
    """Return what both kinds of SSH roles share: Ed25519 only, no options, no extensions, never without principals."""
    return {
        "key_type": "ca",
        "ttl": _seconds(life),
        "max_ttl": _seconds(life),
        "not_before_duration": _BACKDATED_SECONDS,
        "allow_user_key_ids": True,
        "allow_empty_principals": False,
        "allowed_users_template": False,
        "allowed_domains_template": False,
        "allowed_user_key_lengths": {"ed25519": 0},
        "allowed_critical_options": "",
        "allowed_extensions": "",
        "default_critical_options": {},
        "default_extensions": {},
        "default_user": "",
    }


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
