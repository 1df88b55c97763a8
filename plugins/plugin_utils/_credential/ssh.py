# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH certificates for this run: one with which we log in to these hosts, or one with which a host proves itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .._vault.authorities import trusted_keys
from .._vault.names import ssh_host_role
from .._vault.ssh import SshRequest, generate_key_pair, sign, sign_host_certificate
from .holding import Fate
from .order import Obtained

if TYPE_CHECKING:
    from datetime import timedelta

    from .._journal.canonical import JsonValue
    from .._vault.client import Client
    from .._vault.ssh import KeyPair, SshCertificate

CERTIFICATE = "id-cert.pub"


@dataclass(frozen=True)
class SshOrder:
    """A certificate that opens exactly these hosts.

    Attributes:
        access: The access of the grant.
        hosts: Inventory names, sorted.
        key_id: Its name in the log of sshd: the stream that tells about this run.
        longest: Life at most; None for what is left of the grant. A shorter one is signed anew before it ends.
        key_pair: The key to certify; None for a fresh one.
    """

    kind: ClassVar[str] = "ssh"
    name: ClassVar[str] = "ssh"
    access: str
    hosts: tuple[str, ...]
    key_id: str
    longest: timedelta | None = None
    key_pair: KeyPair | None = None

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"an SSH certificate for {', '.join(self.hosts)}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        longest = None if self.longest is None else int(self.longest.total_seconds())
        return {"hosts": list(self.hosts), "key_id": self.key_id, "longest": longest}

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        """Have a certificate signed. Raises VaultError."""
        pair = self.key_pair or generate_key_pair()
        life = left if self.longest is None else min(self.longest, left)
        # Before the signing: what signs is among them then, also when authorities are switched meanwhile.
        others = trusted_keys(client)
        certificate = sign(client, self.access, pair.public_key, SshRequest(self.hosts, self.key_id, life))
        authorities = list(dict.fromkeys([certificate.ca_public_key, *others]))
        return Obtained(
            what=f"SSH certificate {certificate.serial} for {', '.join(certificate.principals)}",
            fate=Fate.LIVES,
            expires_at=certificate.valid_before,
            facts={**_facts(certificate), "public_key": pair.public_key, "authorities": [*authorities]},
            files={
                "id": pair.private_key,
                "known_hosts": _believing(authorities, self.hosts).encode(),
                CERTIFICATE: f"{certificate.text}\n".encode(),
            },
            secrets=(),
        )


@dataclass(frozen=True)
class SshHostOrder:
    """A certificate with which a host proves itself to those who trust the CA.

    Attributes:
        name: What the run calls it.
        access: The access of the grant, which must open host certificates.
        hosts: The host's names.
        public_key: The host's public key, `ssh-ed25519 AAAA…`.
        longest: Life; it is meant to outlive the grant.
    """

    kind: ClassVar[str] = "ssh_host"
    name: str
    access: str
    hosts: tuple[str, ...]
    public_key: str
    longest: timedelta

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"a host certificate for {', '.join(self.hosts)}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        return {"hosts": list(self.hosts), "public_key": self.public_key, "longest": int(self.longest.total_seconds())}

    def obtain(self, client: Client, left: timedelta) -> Obtained:  # noqa: ARG002 (a host's certificate outlives the grant)
        """Have the host's key certified. Raises VaultError."""
        role = ssh_host_role(self.access)
        certificate = sign_host_certificate(client, self.public_key, self.hosts, self.longest, role)
        return Obtained(
            what=f"host certificate {certificate.serial} for {', '.join(certificate.principals)}",
            fate=Fate.LIVES,
            expires_at=certificate.valid_before,
            facts=_facts(certificate),
            files={"host-cert.pub": f"{certificate.text}\n".encode()},
            secrets=(),
        )


def _believing(authorities: list[str], hosts: tuple[str, ...]) -> str:
    """A known_hosts file that believes what any of the authorities says of these hosts, and of no others."""
    return "".join(f"@cert-authority {','.join(hosts)} {key}\n" for key in authorities)


def _facts(certificate: SshCertificate) -> dict[str, JsonValue]:
    return {
        "serial": str(certificate.serial),
        "principals": list(certificate.principals),
        "key_id": certificate.key_id,
        "valid_after": f"{certificate.valid_after:%Y-%m-%dT%H:%M:%SZ}",
        "valid_before": f"{certificate.valid_before:%Y-%m-%dT%H:%M:%SZ}",
    }
