# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in Vault for a set of accesses, as data. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from . import policies, wanted_people, wanted_ssh
from .errors import UnusableRequest
from .grant_facts import GrantKind
from .names import (
    APPROLE_MOUNT,
    GRANT_POLICY,
    IDENTITY_KEY_PATH,
    IDENTITY_NAME,
    IDENTITY_ROLE_PATH,
    JOURNAL_KEY_PATH,
    KV_MOUNT,
    OPERATOR_POLICY,
    PERSON_POLICY,
    RENEWING_POLICY,
    RUNNER_POLICY,
    RUNNER_ROLE_PATH,
    TRANSIT_MOUNT,
    access_policy,
)
from .objects import OURS, Kind, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .access import AccessSpec

RUNNER_PERIOD: Final = timedelta(minutes=10)
"""How long a runner's session, and with it its grants, outlives a runner that stopped renewing it."""

IDENTITY_TOKEN_LIFE: Final = timedelta(minutes=5)
IDENTITY_KEY_ROTATION: Final = timedelta(days=1)


def desired(
    accesses: Sequence[AccessSpec],
    runner_period: timedelta = RUNNER_PERIOD,
    further_mounts: Sequence[str] = (),
    groups: Collection[str] = (),
    sign_in_at: str = "",
) -> list[Wanted]:
    """Return everything that must stand in Vault, in the order in which it can be written.

    Args:
        accesses: What the policy opens.
        runner_period: How long a runner's session lives without being renewed.
        groups: Groups of Vault's identity that the policy names: whose members may ask or approve.
        sign_in_at: Where Vault sends the browsers of people back to; empty where they can't sign in.
        further_mounts: The SSH mounts besides the current one whose roles are to be the same.

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
        *wanted_people.people(groups),
        *wanted_people.sign_in(sign_in_at if groups else ""),
        *_shared_policies(),
        wanted_ssh.admins_host_role(),
        _runner(runner_period),
    ]
    for access in accesses:
        found += _for_access(access)
    for mount in further_mounts:
        found += wanted_ssh.further_mount(mount, accesses)
    return found


def _mounts() -> Iterator[Wanted]:
    yield wanted_ssh.ssh_mount()
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{TRANSIT_MOUNT}/ (signing)",
        f"sys/mounts/{TRANSIT_MOUNT}",
        {"type": "transit", "description": OURS},
    )
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{KV_MOUNT}/ (key-value store, version 2)",
        f"sys/mounts/{KV_MOUNT}",
        {"type": "kv", "description": OURS, "options": {"version": "2"}},
    )
    yield Wanted(
        Kind.LOGIN_MOUNT,
        f"auth/{APPROLE_MOUNT}/ (AppRole login)",
        f"sys/auth/{APPROLE_MOUNT}",
        {"type": "approle", "description": OURS},
    )


def _made_once() -> Iterator[Wanted]:
    yield wanted_ssh.authority()
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
    yield _policy(PERSON_POLICY, policies.PERSON)


def _policy(name: str, text: str) -> Wanted:
    return Wanted(Kind.POLICY, f"policy {name}", f"sys/policies/acl/{name}", {"policy": text})


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
    yield from wanted_ssh.roles_of(access)
    for kind in GrantKind:
        yield _token_role(access, kind)


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


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
