# SPDX-License-Identifier: GPL-3.0-or-later
"""What an access opens, and the rules of Vault that open exactly that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from .errors import UnusableRequest
from .names import (
    KV_MOUNT,
    SSH_MOUNTS,
    access_name,
    host_name,
    mount_point,
    public_key_path,
    role_name,
    secret_path,
    ssh_host_role,
    ssh_role,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AccessSpec",
    "CredentialSpec",
    "DatabaseRole",
    "HostCertificates",
    "KeptSecret",
    "PkiHostRole",
    "PkiRole",
    "SecretPath",
    "StaticRole",
]

_SSH = """\
path "ssh-breakglass/sign/{role}" {{
  capabilities        = ["update"]
  required_parameters = ["public_key", "valid_principals", {key_id}"ttl", "cert_type"]
  allowed_parameters  = {{
    "public_key" = [], "valid_principals" = [], {key_id_any}"ttl" = [], "cert_type" = ["{kind}"]
  }}
}}
"""
_AUTHORITY = 'path "ssh-breakglass/config/ca" { capabilities = ["read"] }\n'
# Anybody may read these. It is said here so that Vault answers 404 where no such mount is, as it mostly is, and denies nothing.
_AUTHORITIES = "".join(f'path "{public_key_path(mount)}" {{ capabilities = ["read"] }}\n' for mount in SSH_MOUNTS)
_DATABASE = 'path "{mount}/creds/{role}" {{ capabilities = ["read"] }}\n'
_PKI = """\
path "{mount}/sign/{role}" {{
  capabilities        = ["update"]
  required_parameters = ["csr", "common_name", "ttl"]
  allowed_parameters  = {{ "csr" = [], "common_name" = [], "alt_names" = [], "ip_sans" = [], "ttl" = [], "format" = ["pem"] }}
}}
"""
_STATIC = """\
path "{mount}/rotate-role/{role}" {{ capabilities = ["update"] }}
path "{mount}/static-creds/{role}" {{ capabilities = ["read"] }}
"""
# Without required_parameters: Vault would want them of a read, too.
_ROTATED = """\
path "{mount}/data/{path}" {{
  capabilities       = ["read", "update"]
  allowed_parameters = {{ "data" = [], "options" = [] }}
}}
"""
_KEPT = 'path "{path}" {{ capabilities = [{capabilities}] }}\n'


@dataclass(frozen=True)
class DatabaseRole:
    """Users of one dynamic role of a database engine."""

    mount: str
    role: str

    def rules(self) -> str:
        """What Vault's policy says of it; raises UnusableRequest."""
        return _DATABASE.format(mount=mount_point(self.mount), role=role_name(self.role))


@dataclass(frozen=True)
class PkiRole:
    """Certificates of one role of a PKI engine, for keys that are made here."""

    mount: str
    role: str

    def rules(self) -> str:
        """What Vault's policy says of it; raises UnusableRequest."""
        return _PKI.format(mount=mount_point(self.mount), role=role_name(self.role))


@dataclass(frozen=True)
class PkiHostRole(PkiRole):
    """Certificates of one role of a PKI engine for services of the hosts, which outlive the grant."""


@dataclass(frozen=True)
class StaticRole:
    """The password of one static role of a database engine: read, and made anew."""

    mount: str
    role: str

    def rules(self) -> str:
        """What Vault's policy says of it; raises UnusableRequest."""
        return _STATIC.format(mount=mount_point(self.mount), role=role_name(self.role))


@dataclass(frozen=True)
class KeptSecret:
    """One secret of a key-value store of version 2: read, and given a new version. It must be there already."""

    mount: str
    path: str

    def rules(self) -> str:
        """What Vault's policy says of it; raises UnusableRequest."""
        mount = mount_point(self.mount)
        if mount.split("/", 1)[0] == KV_MOUNT and mount != KV_MOUNT:
            raise UnusableRequest(f"{KV_MOUNT}/ is a key-value store of version 2, with our own anchors.")
        return _ROTATED.format(mount=mount, path=secret_path(self.path))


@dataclass(frozen=True)
class SecretPath:
    """A secret, or all below a path (`web/*`): of a store (kv2, kv1), or made by any other engine (dynamic)."""

    engine: str
    mount: str
    path: str

    def rules(self) -> str:
        """What Vault's policy says of it; raises UnusableRequest."""
        mount, below = mount_point(self.mount), self.path.removesuffix("/*")
        if mount.split("/", 1)[0] == KV_MOUNT and (mount != KV_MOUNT or self.engine != "kv2"):
            raise UnusableRequest(f"{KV_MOUNT}/ is a key-value store of version 2, with our own anchors: engine: kv2.")
        path = f"{secret_path(below)}/*" if self.path.endswith("/*") else secret_path(below)
        between = "/data/" if self.engine == "kv2" else "/"
        capabilities = '"read", "update"' if self.engine == "dynamic" else '"read"'
        return _KEPT.format(path=f"{mount}{between}{path}", capabilities=capabilities)


@dataclass(frozen=True)
class HostCertificates:
    """Certificates with which the hosts of the access prove themselves."""


CredentialSpec = DatabaseRole | PkiRole | StaticRole | KeptSecret | SecretPath | HostCertificates


@dataclass(frozen=True)
class AccessSpec:
    """The part of an access that Vault enforces.

    Attributes:
        name: Its name.
        hosts: Exact inventory names; the principals that may be certified.
        ssh_user: Login user on the hosts; None for an access that opens no SSH. Vault does not need the name: the
            principal is the host's.
        max_time_box: Longest life of a grant and of a certificate.
        credentials: What it opens besides SSH.

    Raises:
        UnusableRequest: A bad name, no host, a bad host, or a box that is no whole number of seconds.
    """

    name: str
    hosts: tuple[str, ...]
    ssh_user: str | None
    max_time_box: timedelta
    credentials: tuple[CredentialSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would open more than it says."""
        access_name(self.name)
        if not self.hosts:
            raise UnusableRequest(f"The access {self.name} has no hosts; it would open nothing or everything.")
        for host in self.hosts:
            host_name(host)
        if self.max_time_box < timedelta(seconds=1) or self.max_time_box.microseconds:
            raise UnusableRequest(
                f"The largest time box of the access {self.name} must be whole seconds, at least one."
            )

    @property
    def certifies_hosts(self) -> bool:
        """Whether it opens host certificates."""
        return any(isinstance(credential, HostCertificates) for credential in self.credentials)

    def rules(self) -> str:
        """The text of its policy: these credentials, with exactly our parameters, and nothing else."""
        found = [
            f"# breakglass-access-{self.name}: the credentials of one access. Written by breakglass vault apply.\n"
        ]
        if self.ssh_user is not None:
            found.append(_ssh(ssh_role(self.name), "user", '"key_id", ', '"key_id" = [], '))
        if self.certifies_hosts:
            found.append(_ssh(ssh_host_role(self.name), "host", "", ""))
        if self.ssh_user is not None or self.certifies_hosts:
            found += [_AUTHORITY, _AUTHORITIES]
        return "".join([*found, *_others(self.credentials)])


def _ssh(role: str, kind: str, key_id: str, key_id_any: str) -> str:
    return _SSH.format(role=role, kind=kind, key_id=key_id, key_id_any=key_id_any)


def _others(credentials: Sequence[CredentialSpec]) -> list[str]:
    return sorted({one.rules() for one in credentials if not isinstance(one, HostCertificates)})
