# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in an SSH mount: its certificate authority and the roles that sign with it. Pure.

An SSH mount has one authority, so replacing it takes a second mount with the same roles (docs/guides/rotating-the-ssh-authority.md).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .names import HOST_ROLE, PREVIOUS_SSH_MOUNT, SSH_MOUNT, authority_path, ssh_host_role, ssh_role
from .objects import OURS, Kind, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .access import AccessSpec

HOST_CERTIFICATE_LIFE: Final = timedelta(days=90)

_BACKDATED_SECONDS: Final = 30


def ssh_mount(mount: str = SSH_MOUNT) -> Wanted:
    """The mount itself."""
    return Wanted(Kind.SECRETS_MOUNT, f"{mount}/ (SSH)", f"sys/mounts/{mount}", {"type": "ssh", "description": OURS})


def authority(mount: str = SSH_MOUNT) -> Wanted:
    """Its certificate authority, whose private key never leaves Vault."""
    body = {"generate_signing_key": True, "key_type": "ed25519"}
    return Wanted(Kind.MADE_ONCE, f"SSH certificate authority{_at(mount)}", authority_path(mount), body)


def admins_host_role(mount: str = SSH_MOUNT) -> Wanted:
    """The role of the admins, for the certificate of any host."""
    return _host_role(mount, HOST_ROLE, "*")


def roles_of(access: AccessSpec, mount: str = SSH_MOUNT) -> Iterator[Wanted]:
    """The roles of one access."""
    if access.ssh_user is not None:
        yield _user_role(mount, access)
    if access.certifies_hosts:
        yield _host_role(mount, ssh_host_role(access.name), ",".join(sorted(access.hosts)))


def further_mount(mount: str, accesses: Sequence[AccessSpec]) -> Iterator[Wanted]:
    """All of the mount of the next authority, or of the previous one, which is never given a new key."""
    yield ssh_mount(mount)
    if mount != PREVIOUS_SSH_MOUNT:
        yield authority(mount)
    yield admins_host_role(mount)
    for access in accesses:
        yield from roles_of(access, mount)


def _host_role(mount: str, role: str, domains: str) -> Wanted:
    """An SSH role for host certificates: the admins' own for any host, an access's for its hosts only."""
    body = {
        **_body(HOST_CERTIFICATE_LIFE),
        "allow_host_certificates": True,
        "allow_user_certificates": False,
        "allowed_domains": domains,
        "allow_bare_domains": True,
        "allow_subdomains": domains == "*",
        "allowed_users": "",
    }
    return _role(mount, role, body)


def _user_role(mount: str, access: AccessSpec) -> Wanted:
    body = {
        **_body(access.max_time_box),
        "allow_host_certificates": False,
        "allow_user_certificates": True,
        "allowed_users": ",".join(sorted(access.hosts)),
        "allowed_domains": "",
    }
    return _role(mount, ssh_role(access.name), body)


def _role(mount: str, role: str, body: dict[str, object]) -> Wanted:
    return Wanted(Kind.ROLE, f"SSH role {role}{_at(mount)}", f"{mount}/roles/{role}", body)


def _body(life: timedelta) -> dict[str, object]:
    """Return what both kinds of SSH roles share: Ed25519 only, no options, no extensions, never without principals."""
    return {
        "key_type": "ca",
        "ttl": int(life.total_seconds()),
        "max_ttl": int(life.total_seconds()),
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


def _at(mount: str) -> str:
    """What a title says of another mount than the current one."""
    return "" if mount == SSH_MOUNT else f" at {mount}/"
