# SPDX-License-Identifier: GPL-3.0-or-later
"""An X.509 certificate with which a service of a host proves itself: meant to outlive the grant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .._vault.pki import PkiRequest, new_key, pki_path, sign_certificate
from .holding import Fate
from .order import Obtained, UnusableOrder, used_or_taken_back
from .pki import pem_files

if TYPE_CHECKING:
    from datetime import timedelta

    from .._journal.canonical import JsonValue
    from .._vault.client import Client


@dataclass(frozen=True)
class PkiHostOrder:
    """A certificate for these names.

    Attributes:
        name: What the run calls it.
        mount: Where the PKI engine is mounted.
        role: The engine's role.
        common_name: The name that it is for.
        alternative_names: Further DNS names.
        addresses: IP addresses.
        longest: Life, by its role at most.
    """

    kind: ClassVar[str] = "pki_host"
    name: str
    mount: str
    role: str
    common_name: str
    alternative_names: tuple[str, ...]
    addresses: tuple[str, ...]
    longest: timedelta

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"a certificate for {self.common_name} of {pki_path(self.mount, self.role)}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        return {
            "path": pki_path(self.mount, self.role),
            "common_name": self.common_name,
            "alternative_names": sorted(self.alternative_names),
            "addresses": sorted(self.addresses),
            "longest": int(self.longest.total_seconds()),
        }

    def obtain(self, client: Client, left: timedelta) -> Obtained:  # noqa: ARG002 (a host's certificate outlives the grant)
        """Make a key and have a certificate signed for it. Raises VaultError, UnusableOrder, LeftLease."""
        key = new_key()
        request = PkiRequest(self.common_name, self.alternative_names, self.addresses, self.longest)
        certificate = sign_certificate(client, self.mount, self.role, key, request)
        with used_or_taken_back(client, certificate.lease):
            if certificate.lease is not None:
                raise UnusableOrder(
                    f"Vault keeps a lease for certificates of the role {self.role}, so closing the grant would revoke the "
                    "host's; this one was revoked. Set generate_lease=false on the role."
                )
        return Obtained(
            what=f"certificate {certificate.serial} for {self.common_name}",
            fate=Fate.LIVES,
            expires_at=certificate.expires_at,
            facts={"serial": certificate.serial, "common_name": self.common_name},
            files=pem_files(key, certificate),
            secrets=(),
        )
