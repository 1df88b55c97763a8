# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH credentials: a fresh key, a certificate for exactly the hosts of the plan, and the CA's public key.

The principal of a certificate is the inventory name of a host (its sshd lists it in AuthorizedPrincipals), so one
that was made for web1 opens nothing on db1.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from .answer import moment, section, text, whole
from .errors import CertificateMismatch, UnusableRequest
from .names import HOST_ROLE, SSH_MOUNT, authority_path, host_name, ssh_role
from .ssh_certificate import Expected, SshCertificate, read_certificate

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        SSHCertificateType,
    )

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .client import Client

__all__ = [
    "KeyPair",
    "SshCertificate",
    "SshRequest",
    "ca_public_key",
    "generate_key_pair",
    "sign",
    "sign_host_certificate",
]

_LONGEST_KEY_ID: Final = 200


@dataclass(frozen=True)
class KeyPair:
    """A fresh Ed25519 key.

    Attributes:
        private_key: OpenSSH private key file (bytes), unencrypted; never shown.
        public_key: `ssh-ed25519 AAAA…`, one line without a comment.
    """

    private_key: bytes = field(repr=False)
    public_key: str


@dataclass(frozen=True)
class SshRequest:
    """A certificate that is asked for.

    Attributes:
        hosts: Inventory names; they become the principals, exactly.
        key_id: Its name in the log of sshd, as an incident and attempt.
        ttl: Life at most; what is left of the grant, where that is less.

    Raises:
        UnusableRequest: No host, a host twice, a bad host name or key id, or a life below one second.
    """

    hosts: tuple[str, ...]
    key_id: str
    ttl: timedelta

    def __post_init__(self) -> None:
        """Check what must not even be put to Vault."""
        _check_names(self.hosts)
        sane = self.key_id.isascii() and self.key_id.isprintable() and 0 < len(self.key_id) <= _LONGEST_KEY_ID
        if not sane:
            raise UnusableRequest("The key id of a certificate must be printable ASCII, 1 to 200 characters.")
        if self.ttl < timedelta(seconds=1):
            raise UnusableRequest("A certificate must live for at least one second; is the grant at its end?")


def generate_key_pair() -> KeyPair:
    """Make a fresh Ed25519 key pair in OpenSSH format."""
    key = Ed25519PrivateKey.generate()
    return KeyPair(
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        public_key=key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    )


def sign(client: Client, access: str, public_key: str, request: SshRequest) -> SshCertificate:
    """Get a certificate for the hosts of the request, that ends no later than the grant.

    Args:
        client: A client with the grant's token.
        access: The access of the grant.
        public_key: The key to certify, `ssh-ed25519 AAAA…`.
        request: Hosts, key id, longest life.

    Raises:
        InvalidRequest: Vault refuses: a host outside the access, or a life over the role's.
        DeniedByVault: The grant is dead, or is of another access.
        CertificateMismatch: What was signed is not what was asked for.
        UnusableRequest: Less than a second is left of the grant.
        VaultError: Vault can't be asked.
    """
    left, ends = _life_of(client)
    asked = request if left is None else replace(request, ttl=min(request.ttl, left))
    expected = Expected(
        kind=SSHCertificateType.USER,
        public_key=public_key,
        principals=request.hosts,
        key_id=request.key_id,
        ca_public_key=ca_public_key(client),
        longest=asked.ttl,
        not_after=ends,
    )
    try:
        return _signed(client, ssh_role(access), expected)
    except CertificateMismatch:
        # A slow Vault signs later than it told us what is left; ask it again, once.
        left, _ends = _life_of(client)
        if left is None or left >= asked.ttl:
            raise
        return _signed(client, ssh_role(access), replace(expected, longest=left))


def sign_host_certificate(
    client: Client, public_key: str, principals: Sequence[str], ttl: timedelta, role: str = HOST_ROLE
) -> SshCertificate:
    """Get a certificate with which a host proves itself to us: from the role of an access, or from the admins' own.

    Raises:
        CertificateMismatch: What was signed is not what was asked for.
        UnusableRequest: No principal, or one with other characters than a host name has.
        VaultError: Vault refused or can't be asked.
    """
    names = tuple(principals)
    _check_names(names)
    expected = Expected(
        kind=SSHCertificateType.HOST,
        public_key=public_key,
        principals=names,
        key_id=None,
        ca_public_key=ca_public_key(client),
        longest=ttl,
        not_after=None,
    )
    return _signed(client, role, expected)


def ca_public_key(client: Client) -> str:
    """Return the CA's public key, `ssh-ed25519 AAAA…`, for TrustedUserCAKeys and known_hosts. Raises VaultError."""
    return text(section(client.get(authority_path()), "data"), "public_key").strip()


def _signed(client: Client, role: str, expected: Expected) -> SshCertificate:
    """Ask for exactly what is expected, and read what was signed."""
    body = {
        "public_key": expected.public_key,
        "valid_principals": ",".join(expected.principals),
        "ttl": f"{int(expected.longest.total_seconds())}s",
        "cert_type": "user" if expected.kind is SSHCertificateType.USER else "host",
    }
    if expected.key_id is not None:
        body["key_id"] = expected.key_id
    answer = client.post(f"{SSH_MOUNT}/sign/{role}", body)
    return read_certificate(text(section(answer, "data"), "signed_key"), expected)


def _life_of(client: Client) -> tuple[timedelta | None, datetime | None]:
    """Return what is left of the client's token and when it ends, both by Vault's clock; None when it never ends."""
    fields = section(client.get("auth/token/lookup-self"), "data")
    if fields.get("expire_time") is None:
        return None, None
    left = timedelta(seconds=whole(fields, "ttl"))
    if left < timedelta(seconds=1):
        raise UnusableRequest("No certificate was asked for: less than a second is left of the grant. Open a new one.")
    return left, moment(fields, "expire_time")


def _check_names(names: tuple[str, ...]) -> None:
    if not names or len(set(names)) != len(names):
        raise UnusableRequest(
            "A certificate needs at least one host, and each only once: without any it would open all."
        )
    for name in names:
        host_name(name)
